"""The peer: an MCP server of the same SDK with one tool that does nothing."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("bare")


@server.tool()
def ping(text: str = "") -> str:
    """Return the text."""
    return text


if __name__ == "__main__":
    server.run("stdio")
