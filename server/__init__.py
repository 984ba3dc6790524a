"""How Refinery is reached: settings, wiring, MCP, REST, telemetry, command line."""
