"""The catalogue as LangChain tools, for our own specialists and for people who bring a graph of their own."""

from .making import langchain_tools, tools_of
from .toolbox import open_toolbox

__all__ = ["langchain_tools", "open_toolbox", "tools_of"]
