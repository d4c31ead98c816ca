"""What a tool of an MCP server returned, as our tools return it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_types import CallToolResult

MOST = 1_000_000
"""Characters of a result; of a longer one the rest is left out, and that is said."""


def text_of(result: "CallToolResult") -> Any:
    """The structured result where there is one, else its texts; what is no text is described."""
    if result.structured_content is not None and not result.is_error:
        return result.structured_content
    text = "\n".join(_block(block) for block in result.content)
    return text if len(text) <= MOST else f"{text[:MOST]}\n[cut after {MOST} of {len(text)} characters]"


def _block(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            return f"[{block.type}, {block.mime_type}, {len(block.data) * 3 // 4} bytes, not shown]"
        case "resource_link":
            return f"[resource {block.uri}]"
        case "resource":
            return str(getattr(block.resource, "text", f"[resource {block.resource.uri}, no text]"))
        case _:
            return f"[{block.type}, not shown]"
