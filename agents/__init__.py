"""Who decides: the orchestrator and its specialists; and the actions as LangChain tools for a graph of one's own."""

from .langchain_tools import open_toolbox as toolbox

__all__ = ["toolbox"]
