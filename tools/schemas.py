"""JSON schemas cut to what a model needs: it reads all of them before its first call."""

from __future__ import annotations

from typing import Any

_NOISE = {"title", "additionalProperties", "$defs"}
OUTPUT_DEPTH = 3


def compact_input(schema: dict[str, Any]) -> dict[str, Any]:
    """Inline definitions and drop titles and nulls; unknown arguments stay refused."""
    slim: dict[str, Any] = _slim(schema, schema.get("$defs", {}))
    slim["additionalProperties"] = False
    return slim


def compact_output(schema: dict[str, Any]) -> dict[str, Any]:
    """Keep the shape of a result to a depth of three, without descriptions; absent fields are allowed."""
    return _shape(_slim(schema, schema.get("$defs", {})), OUTPUT_DEPTH)


def _slim(node: Any, definitions: dict[str, Any], inside: tuple[str, ...] = ()) -> Any:
    if isinstance(node, list):
        return [_slim(item, definitions, inside) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        if name in inside:
            return {"type": "object"}
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _slim({**definitions[name], **rest}, definitions, (*inside, name))
    if "anyOf" in node:
        options = [option for option in node["anyOf"] if option != {"type": "null"}]
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        if len(options) == 1:
            return _slim({**options[0], **rest}, definitions, inside)
        node = {**rest, "anyOf": options}
    slim = {}
    for key, value in node.items():
        if key == "properties":
            slim[key] = {name: _slim(field, definitions, inside) for name, field in value.items()}
        elif key not in _NOISE and not (key == "default" and value is None):
            slim[key] = _slim(value, definitions, inside)
    if isinstance(node.get("additionalProperties"), dict) and node["additionalProperties"]:
        slim["additionalProperties"] = _slim(node["additionalProperties"], definitions, inside)
    return slim


def _shape(node: dict[str, Any], depth: int) -> dict[str, Any]:
    kind = node.get("type")
    if kind == "object" and "properties" in node and depth > 0:
        return {
            "type": "object",
            "properties": {name: _shape(field, depth - 1) for name, field in node["properties"].items()},
        }
    if kind == "array" and isinstance(node.get("items"), dict) and node["items"] and depth > 0:
        items = _shape(node["items"], depth - 1)
        return {"type": "array", "items": items} if items else {"type": "array"}
    # A number that is not finite, and a field that does not apply, are null or absent on the wire.
    return {"type": kind} if kind in ("object", "array", "boolean") else {}
