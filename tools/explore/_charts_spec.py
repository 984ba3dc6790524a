"""Vega-Lite specifications, and their pictures.

Fields are called `x`, `y`, `n` …, never after a column: a name with dots, brackets or quotes would be read as a path,
whereas a title is plain text.
"""

from __future__ import annotations

import base64
import math
import re
from typing import Any

WIDTH, HEIGHT = 640, 340
INK, GREY = "#1f2328", "#57606a"
# Okabe and Ito's colours, which the colour-blind can tell apart; the dark ones first.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]
BLUE = PALETTE[0]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_VERSION = "6.1"
_LABEL = 60
# What XML 1.0 has no way to say; the renderer makes an SVG of a specification and dies of it.
_UNDRAWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Json = dict[str, Any]

_CONFIG: Json = {
    "background": "white",
    "padding": 14,
    "font": "sans-serif",
    "view": {"stroke": None},
    "title": {
        "anchor": "start",
        "fontSize": 17,
        "color": INK,
        "subtitleColor": GREY,
        "subtitleFontSize": 12.5,
        "offset": 12,
    },
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "gridColor": "#e6e8eb",
        "domainColor": "#8c959f",
        "tickColor": "#8c959f",
        "labelLimit": 190,
        "titlePadding": 8,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 150,
    },
    "text": {"color": INK},
}


def label(text: Any) -> str:
    """Return text from a cell or a column's name on one line of bounded length."""
    flat = " ".join(_printable(str(text)).split()) or "(blank)"
    return flat if len(flat) <= _LABEL else flat[: _LABEL - 1] + "…"


def labels(names: list[str], width: int) -> list[str]:
    """Return short labels of names, numbered where cutting made them equal."""
    found: list[str] = []
    for name in names:
        text = label(name)
        text = text if len(text) <= width else text[: width - 1] + "…"
        found.append(text if text not in found else f"{text} #{len(found) + 1}")
    return found


def number(value: float | int | None) -> float | int | None:
    """Return a number in six significant digits, so that a specification stays small."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def axis(field: str, kind: str, title: str | None, **more: Any) -> Json:
    """Return the encoding of one field; times are drawn in UTC wherever the picture is made."""
    encoding: Json = {"field": field, "type": kind, "title": title and label(title), **more}
    if kind == "temporal":
        encoding["scale"] = {**encoding.get("scale", {}), "type": "utc"}
        encoding["axis"] = {"tickCount": 8, "labelOverlap": True, **encoding.get("axis", {})}
    return encoding


def calendar(seconds: float) -> Json:
    """Return how to write the moments of an axis that is so many seconds long."""
    days = seconds / 86400
    return {"format": "%Y" if days > 2200 else "%b %Y" if days > 120 else "%b %d" if days > 3 else "%d %b %H:%M"}


def color(title: str, levels: list[str]) -> Json:
    """Return the encoding of a category by colour, in the order of its levels, grey for what is left over."""
    colours = [PALETTE[-1] if level == "(other)" else PALETTE[index % 6] for index, level in enumerate(levels)]
    return {
        "field": "c",
        "type": "nominal",
        "title": label(title),
        "scale": {"domain": levels, "range": colours},
        "sort": levels,
    }


def specification(body: Json, values: list[Json], *, title: str, subtitle: list[str]) -> Json:
    """Return the whole specification with its data inline."""
    whole: Json = _printable(
        {
            "$schema": _SCHEMA,
            "title": {"text": label(title), "subtitle": [line for text in subtitle for line in _wrapped(text)]},
            "data": {"values": values},
            "width": WIDTH,
            "height": HEIGHT,
            **body,
            "config": _CONFIG,
        }
    )
    return whole


def picture(spec: Json) -> str:
    """Return a PNG of the specification in base64; nothing outside the specification is read."""
    import vl_convert

    png: bytes = vl_convert.vegalite_to_png(spec, vl_version=_VERSION, scale=1.25, allowed_base_urls=[])
    return base64.b64encode(png).decode("ascii")


def _printable(part: Any) -> Any:
    """Return a part of a specification with U+FFFD for each character that a picture can't hold."""
    if isinstance(part, str):
        return _UNDRAWABLE.sub("\ufffd", part)
    if isinstance(part, dict):
        return {_printable(key): _printable(value) for key, value in part.items()}
    return [_printable(item) for item in part] if isinstance(part, list) else part


def _wrapped(text: str, width: int = 105) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines
