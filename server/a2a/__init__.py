"""The A2A agent: what other agents ask of the house, as tasks. Nothing here is imported before the first of them asks.

Importing it costs some 0.2 s (protobuf and the SDK), which neither stdio nor the start of the HTTP server pays.
"""

import os

# Read by the SDK when it is imported: it would make dozens of spans a request, of its queues too. Ours are enough.
os.environ.setdefault("OTEL_INSTRUMENTATION_A2A_SDK_ENABLED", "false")
