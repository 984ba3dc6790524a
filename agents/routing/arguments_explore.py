"""Arguments of the explorations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .asked import Asked, MissingArgument
from .names import files, named, other_names
from .quantities import fraction
from .sql import query
from .targets import target_of

_METHODS = {
    "isolation_forest": r"\bisolation|\bforest\b|as a whole\b|combination|multivariate|everything together",
    "lof": r"\blof\b|local outlier|neighbou?rhood|density based",
    "mad": r"\bmad\b|median absolute",
    "iqr": r"\biqr\b|inter.?quartile|fences?\b",
}
_CHARTS = {
    "histogram": r"histogra\w*|distribution of|how .* distributed",
    "scatter": r"scatter\w*|against|versus|\bvs\b|points?|dots?\b",
    "heatmap": r"heat ?-?map|colou?red squares|correlation matrix|correlations",
    "box": r"\bbox\w*|whisker\w*",
    "density": r"\bdensit\w*|\bkde\b",
    "missing": r"\b(missing|gaps?|nulls?|empty|blanks?|holes?)\b",
    "line": r"\b(lines?|curve|over time|trend|time series|(per|by) (day|week|month|year))\b",
    "bar": r"\b(bars?|columns? chart|pie)\b",
}


def _columns(asked: Asked) -> dict[str, Any]:
    return {"columns": asked.names} if asked.names else {}


def _outliers(asked: Asked) -> dict[str, Any]:
    arguments = _columns(asked)
    method = next((method for method, pattern in _METHODS.items() if asked.has(pattern)), None)
    if method:
        arguments["method"] = method
    share = fraction(asked.text)
    if share is not None and 0 < share <= 0.5:
        arguments["contamination"] = share
    return arguments


def _relationships(asked: Asked) -> dict[str, Any]:
    if not asked.columns:
        return {}
    if len(asked.columns) > 1 and not asked.has(
        r"\b(drive\w*|influenc\w*|affect\w*|depends?|explain\w*|predict\w*|target|determin\w*|cause\w*|make\w*|lead)\b"
    ):
        figures = asked.of("number", "boolean") or list(asked.columns)
        return {"target": figures[-1].name}
    target = target_of(asked)
    return {"target": target.name} if target else {}


def _schema(asked: Asked) -> dict[str, Any]:
    share = fraction(asked.text)
    return {"confidence_threshold": share} if share is not None and 0 <= share <= 1 else {}


def _chart(asked: Asked) -> dict[str, Any]:
    kind = next((kind for kind, pattern in _CHARTS.items() if asked.has(rf"\b{kind}\b")), None)
    kind = kind or next(
        (kind for kind, pattern in _CHARTS.items() if asked.has(pattern) and _possible(asked, kind)), None
    )
    arguments: dict[str, Any] = {"chart_type": kind or _fitting(asked)}
    if arguments["chart_type"] in ("heatmap", "missing"):
        return arguments
    return arguments | _axes(asked, arguments["chart_type"])


def _possible(asked: Asked, kind: str) -> bool:
    figures = len(asked.of("number"))
    return {"scatter": figures > 1, "missing": not asked.columns, "line": bool(asked.of("datetime"))}.get(kind, True)


def _fitting(asked: Asked) -> str:
    figures, groups, moments = asked.of("number"), asked.of("category", "boolean", "id"), asked.of("datetime")
    if moments:
        return "line"
    if groups:
        return "bar"
    if len(figures) > 1:
        return "scatter"
    return "histogram"


def _axes(asked: Asked, kind: str) -> dict[str, Any]:
    figures, groups, moments = asked.of("number"), asked.of("category", "boolean", "id", "text"), asked.of("datetime")
    if kind in ("histogram", "density"):
        across = (figures or moments or groups)[:1]
        rest = [column for column in asked.columns if column not in across]
        return {key: column[0].name for key, column in (("x", across), ("color", rest[:1])) if column}
    if kind == "scatter":
        pair = _scatter_order(asked, [column.name for column in (*figures, *moments)][:2])
        axes = dict(zip(("x", "y"), pair, strict=False))
    elif kind == "line":
        across = (moments or groups or figures)[:1]
        axes = {"x": across[0].name} if across else {}
        axes |= {"y": figures[0].name} if figures and figures[0] not in across else {}
    else:
        across = (groups or moments or (figures[1:] if len(figures) > 1 else [] if kind == "box" else figures))[:1]
        axes = {"x": across[0].name} if across else {}
        axes |= {"y": figures[0].name} if figures and figures[0] not in across else {}
    left = [column.name for column in asked.columns if column.name not in axes.values()]
    return axes | ({"color": left[0]} if left else {})


def _scatter_order(asked: Asked, pair: list[str]) -> list[str]:
    """In "y against x" the second is across; in "x vs y" and "x and y" the first is."""
    return pair[::-1] if len(pair) == 2 and asked.has(r"\bagainst\b") else pair


def _load(asked: Asked) -> dict[str, Any]:
    text = asked.reading.text
    sources = files(text)
    table = re.search(r"\btable (\w+) (?:from|of|in) (?:the )?connection (\w+)", text, re.I)
    if table:
        sources = [f"connection:{table[2]}/{table[1]}"]
    if not sources:
        raise MissingArgument("name the file, URL or connection to load")
    name = re.search(
        r"\b(?:as|called|call it|name it|named|under the name|short name|say just|dub it|als|comme|como|"
        r"come)\s+(?:the name )?[\"'“]?([A-Za-z][\w-]*)\b(?![./:])",
        text,
        re.I,
    )
    arguments: dict[str, Any] = {"source": sources[0]}
    if name and name[1].lower() not in ("a", "an", "the", "dataset", "it"):
        arguments["name"] = name[1]
    elif point := re.search(r"\bpoint (?:the name )?(\w+) (?:to|at)\b|\bname (\w+) should\b", text, re.I):
        arguments |= {"name": point[1] or point[2], "overwrite": True}
    return arguments


def _delete(asked: Asked) -> dict[str, Any]:
    names = [one for one in other_names(asked) if "." not in one] or other_names(asked)
    called = re.search(
        r"\b(?:dataset|data set|name|alias|table|called|named|unregister|unload|datensatz|jeu de données|"
        r"conjunto de datos)\s+[\"'“]?(\w+)",
        asked.reading.text,
        re.I,
    )
    if names:
        return {"name": names[0]}
    if called and called[1].lower() in {other.lower() for other in (*asked.table.others, asked.table.name)}:
        return {"name": called[1]}
    said = named(asked.reading.text)
    return {"name": said[0] if said else asked.table.name}


EXPLORE: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "statistical_summary": _columns,
    "detect_outliers": _outliers,
    "find_relationships": _relationships,
    "infer_schema": _schema,
    "create_visualization": _chart,
    "query_dataset": query,
    "load_dataset": _load,
    "delete_dataset": _delete,
}
