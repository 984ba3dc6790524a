"""The report as one self-contained page: no script, and nothing from outside."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..orchestrator.records import RunReport
from . import svg, words
from .findings import by_severity
from .view import View, arguments

_HERE = Path(__file__).parent
# A reader does not look at more; the rest is in the results of the steps.
_FINDINGS = 60


def to_html(report: RunReport) -> str:
    """Return the report as a page of HTML; all that comes from data is escaped, and the page can load nothing."""
    view = View(report)
    found = by_severity(view.findings)
    page = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            view=view,
            report=report,
            style=Markup((_HERE / "report.css").read_text("utf-8")),  # noqa: S704  # ours, a file beside this one
            gauge=None if report.score is None else _gauge(report.score),
            band=None if report.score is None else words.band(report.score),
            found=found,
            most=_FINDINGS,
            listed={item.anchor for _, items in found for item in items[:_FINDINGS]},
        )
    )
    return words.fit(page)


def _gauge(score: float) -> Markup:
    return svg.gauge(score, f"Score {words.number(score)} of 100: {words.band(score)[0]}")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates", encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": words.number,
        "counted": words.counted,
        "clipped": words.clipped,
        "arguments": arguments,
    }
    return environment
