"""The runs of the agents: their graph, what it keeps between steps, and who starts, resumes and ends them."""

import os

# Read by LangGraph when it is imported: a checkpoint brings back plain values alone, never objects of its choice.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
