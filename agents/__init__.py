"""Who decides: the orchestrator and its specialists."""
