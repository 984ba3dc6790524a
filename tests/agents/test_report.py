"""The report of a run as a page, as Markdown and as JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from refinery.agents.orchestrator.records import (
    Insight,
    Quote,
    Recollection,
    Request,
    RunReport,
    RunStatus,
    Step,
    StepResult,
    Usage,
)
from refinery.agents.report import write
from refinery.agents.report.html import to_html
from refinery.agents.report.markdown import to_markdown
from refinery.agents.report.write import write_report
from refinery.tools.results import Evidence, Finding

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "a|b\n| c | d |\n\n# heading\n- item",
    "```\n</code></pre><b>bold</b>",
    "1. one",
    "</style></title></head>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &#60;i&#62;",
    "n" * 500,
    "שלום עולם",
    "naïve \N{ROCKET}",
    "\u202egnp.exe",
    "\x00\x1b[31m\x85",
    "*a* _b_ ~~c~~ $d$ @someone #1",
]


def _finding(severity: str = "high", message: str = "27 rows repeat", **fields: Any) -> Finding:
    return Finding.model_validate({"severity": severity, "message": message, "metric": "rows", **fields})


def _step(id_: str, action: str, **fields: Any) -> StepResult:
    return StepResult(step=Step(id=id_, action=action, arguments={"dataset": "orders.csv"}), status="done", **fields)


def _report(**fields: Any) -> RunReport:
    base: dict[str, Any] = {
        "run": "run-1",
        "status": "done",
        "request": Request(dataset="/shop/orders.csv", target="returned"),
        "headline": "Two columns give the target away.",
        "started_at": "2026-05-04T08:12:09+00:00",
        "seconds": 75.0,
        "insights": [],
        "steps": [],
    }
    return RunReport(**(base | fields))


def _full() -> RunReport:
    repeated = _finding(
        columns=["order_id"],
        value=1234,
        threshold=0,
        evidence=Evidence(rows=1234, query="SELECT count(*) FROM dataset WHERE a < 1", examples=["W-1", {"id": 2}]),
    )
    steps = [
        _step("s1", "quality_report", findings=[repeated, _finding("low", "one value")], score=25.8, rows=5000),
        _step("s2", "check_duplicates", findings=[repeated], text="FAILED check_duplicates on orders.csv (5 rows): 1."),
        StepResult(
            step=Step(id="s3", action="check_rules", why="The rules agreed"),
            status="failed",
            error="bad_request",
            text="no contract 'orders'",
        ),
        StepResult(step=Step(id="s4", action="check_drift", after=["s3"]), status="skipped", text="needs s3"),
    ]
    insights = [
        Insight(
            title=f"Insight {place}",
            severity=severity,
            concerns=f"reader {place}",
            columns=["order_id"],
            text=f"Text {place}",
            advice=f"Advice {place}",
            evidence=[Quote(step="s2", numbers=[1234.0]), Quote(step="s1", numbers=[0.40199999999999997])],
            origin="model" if place == 2 else "rules",
        )
        for place, severity in enumerate(["low", "high", "medium"])
    ]
    return _report(
        score=25.8,
        rows=5000,
        columns=44,
        steps=steps,
        insights=insights,
        recalled=[Recollection(id="m1", content="fax is no longer asked for", score=0.83)],
        waiting=[Step(action="save_fe_pipeline", arguments={"overwrite": True}, why="Writes over a pipeline")],
        notes=["The budget ended it."],
        usage=Usage(model="a-model", calls=3, input_tokens=18240, output_tokens=2311, dollars=0.0894),
    )


def _hostile(text: str) -> RunReport:
    """Put a text everywhere that data can."""
    finding = _finding(
        message=text, columns=[text], value=text, evidence=Evidence(query=text, examples=[text, {text: text}])
    )
    column = {"column": text, "missing": 3, "disguised": 1, "fraction": 0.4, "placeholders": {text: 1}, "kind": text}
    top = [{"value": text, "count": 3, "fraction": 0.5}]
    details: dict[str, dict[str, Any]] = {
        "check_missing_values": {"dataset": text, "scanned": {"rows": 10, "of": 10}, "columns": [column]},
        "statistical_summary": {"dataset": text, "rows": 10, "columns": [column | {"top": top, "distinct": 2}]},
        "find_relationships": {"target": text, "pairs": [{"left": text, "right": "b", "measure": text, "value": 0.5}]},
        "check_drift": {"reference": text, "columns": [column | {"effect": 0.5, "drifted": True, "note": text}]},
        "quality_report": {
            "score": 50.0,
            "checks": {text: text},
            "deductions": [{"check": text, "severity": text, "points": 5.0, "message": text}],
        },
        "create_visualization": {"title": text, "facts": [text], "notes": [text], "chart_type": text},
        "encode_categorical_features": {
            "pipeline": text,
            "made": [{"column": text, "kind": text, "sources": [text]}],
            "dropped": [text],
        },
    }
    steps = [
        StepResult(
            step=Step(id=action, agent=text, action=action, arguments={text: text}, why=text, after=[text]),
            status="done",
            text=text,
            result=text,
            findings=[finding],
            error=text,
        )
        for action in details
    ]
    steps.append(StepResult(step=Step(id=text, action=text), status="failed", text=text, error=text))
    insight = Insight(
        title=text,
        severity="high",
        concerns=text,
        columns=[text],
        text=text,
        advice=text,
        evidence=[Quote(step=text, numbers=[1.0]), Quote(step=f"{text}?")],
    )
    return _report(
        run=text,
        request=Request(dataset=text, goal=text, target=text, session=text),
        headline=text,
        started_at=text,
        insights=[insight],
        steps=steps,
        recalled=[Recollection(id=text, content=text, kind=text)],
        waiting=[Step(action=text, agent=text, why=text, arguments={text: text})],
        notes=[text],
        usage=Usage(model=text, calls=1),
        details=details,
    )


def _page(report: RunReport) -> BeautifulSoup:
    return BeautifulSoup(to_html(report), "html.parser")


def _shown(page: BeautifulSoup) -> str:
    return page.get_text(" ", strip=True)


def _check_closed(page: BeautifulSoup) -> None:
    """The page can load nothing, run nothing, and every link in it leads somewhere in it."""
    assert not page.find_all(["script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"])
    assert len(page.find_all("style")) == 1
    ids = [element["id"] for element in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for element in page.find_all(True):
        for name, value in element.attrs.items():
            assert not name.startswith("on")
            assert name not in {"src", "srcset", "action", "formaction", "poster", "xlink:href", "style"}
            if name == "href":
                assert str(value).removeprefix("#") in ids


def test_the_page_is_closed_to_the_outside() -> None:
    page = _page(_full())
    _check_closed(page)
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy is not None
    rules = [rule.strip() for rule in str(policy["content"]).split(";")]
    assert {"default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"} <= set(rules)
    style = page.find("style").get_text()  # type: ignore[union-attr]
    assert re.findall(r"url\([^)]*\)", style) == ["url(#stripes)"]
    assert "@import" not in style


def test_every_insight_is_shown_by_severity_with_what_to_do_and_whom_it_concerns() -> None:
    page = _page(_full())
    titles = [article.h3.get_text() for article in page.select("article.insight")]
    assert titles == ["Insight 1", "Insight 2", "Insight 0"]
    first = page.select_one("article.insight")
    assert first is not None
    assert all(part in _shown(first) for part in ("High", "Text 1", "Advice 1", "reader 1", "order_id"))  # type: ignore[arg-type]


def test_evidence_leads_to_the_step_and_to_the_finding_with_its_number() -> None:
    page = _page(_full())
    links = [(str(link["href"]), link.get_text(" ", strip=True)) for link in page.select(".evidence li:first-child a")]
    assert links[:2] == [("#step-2", "step 2 check_duplicates"), ("#finding-1", "shown by finding 1")]
    assert "check_duplicates" in page.select_one("#step-2").get_text()  # type: ignore[union-attr]
    assert "27 rows repeat" in page.select_one("#finding-1").get_text()  # type: ignore[union-attr]


def test_evidence_in_a_step_that_is_not_there_is_no_link() -> None:
    insight = _full().insights[0].model_copy(update={"evidence": [Quote(step="gone", numbers=[3.0])]})
    page = _page(_report(insights=[insight]))
    assert page.select(".evidence a") == []
    assert "gone" in _shown(page)


def test_every_step_is_shown_with_its_outcome() -> None:
    page = _page(_full())
    steps = [_shown(step) for step in page.select("li.step")]  # type: ignore[arg-type]
    assert len(steps) == 4
    assert "failed: bad request" in steps[2]
    assert "no contract 'orders'" in steps[2]
    assert "skipped" in steps[3]
    assert "needs s3" in steps[3]
    assert "Check failed" in steps[1]


def test_a_finding_of_two_steps_is_told_once_with_both_and_its_query() -> None:
    page = _page(_full())
    assert len(page.select(".findings > li")) == 2
    first = page.select_one("#finding-1")
    assert first is not None
    assert [str(link["href"]) for link in first.select("a")] == ["#step-1", "#step-2"]
    assert "SELECT count(*) FROM dataset WHERE a < 1" in first.get_text()
    assert "1,234" in first.get_text()
    assert "W-1" in first.get_text()


def test_numbers_are_those_of_the_run_with_separators() -> None:
    shown = _shown(_page(_full()))
    wanted = ["25.8", "5,000 rows", "44 columns", "1,234", "0.402", "18,240", "2,311", "$0.0894", "1 min 15 s", "0.83"]
    assert [number for number in wanted if number not in shown] == []
    assert "4 May 2026, 08:12 UTC" in shown


def test_memory_notes_and_steps_to_approve_are_shown() -> None:
    page = _page(_full())
    assert "save_fe_pipeline" in page.select_one("#approval").get_text()  # type: ignore[union-attr]
    assert "overwrite" in page.select_one("#approval").get_text()  # type: ignore[union-attr]
    assert "fax is no longer asked for" in page.select_one("#memory").get_text()  # type: ignore[union-attr]
    assert "The budget ended it." in page.select_one("#summary").get_text()  # type: ignore[union-attr]


@pytest.mark.parametrize("score", [0.0, 12.5, 40.0, 70.0, 99.9, 100.0])
def test_a_score_is_told_in_words_too(score: float) -> None:
    gauge = _page(_report(score=score)).select_one("svg.gauge")
    assert gauge is not None
    assert re.fullmatch(rf"Score {score:g} of 100: \w+", str(gauge["aria-label"]))


@pytest.mark.parametrize("status", get_args(RunStatus))
def test_a_run_of_any_status_that_did_nothing_has_a_report(status: str) -> None:
    report = _report(status=status, headline="")
    page = _page(report)
    _check_closed(page)
    assert "No score" in _shown(page)
    assert "No step was run." in _shown(page)
    assert "No step was run." in to_markdown(report)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts_in_the_page(text: str) -> None:
    report = _hostile(text)
    page = _page(report)
    _check_closed(page)
    assert len(page.find_all("title")) == 1
    assert page.find("b") is None
    assert not re.search("[\x00\x1b\x85\u202e]", str(page))
    if text.isprintable() and len(text) < 100:
        headline = page.select_one(".headline")
        assert headline is not None
        assert headline.get_text() == text
        assert len(page.select("article.insight")) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts_in_markdown(text: str) -> None:
    blocks, spans = _parsed(to_markdown(_hostile(text)))
    assert blocks == _parsed(to_markdown(_hostile("plain")))[0]
    assert spans <= {"text", "code_inline", "strong_open", "strong_close", "softbreak", "text_special"}


def _parsed(text: str) -> tuple[list[str], set[str]]:
    """Return the blocks of a Markdown text in their order, and what kinds of spans there are."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [f"{token.type} {token.tag}" for token in tokens], {
        child.type for token in tokens for child in token.children or []
    }


def test_half_characters_do_not_break_a_page() -> None:
    report = _report(headline="a\ud800b")
    assert "a\ufffdb" in to_html(report)
    assert "a\ufffdb" in to_markdown(report)


def test_fifty_insights_and_two_thousand_findings_stay_readable() -> None:
    findings = [_finding("medium", f"column {place} is odd", columns=[f"c{place}"]) for place in range(2000)]
    insights = [
        Insight(
            title=f"Title {place}",
            severity="medium",
            concerns="owner",
            columns=[f"c{place}" for place in range(2000)],
            text="t",
            advice="a",
            evidence=[Quote(step="s1")],
        )
        for place in range(50)
    ]
    report = _report(steps=[_step("s1", "check_distributions", findings=findings)], insights=insights, columns=2000)
    page = _page(report)
    _check_closed(page)
    assert len(page.select("article.insight")) == 50
    assert "1,940 findings more of this severity" in _shown(page)
    assert len(str(page)) < 500_000


def test_markdown_has_every_insight_step_and_query() -> None:
    text = to_markdown(_full())
    wanted = [f"{word} {place}" for word in ("Insight", "Text", "Advice", "reader") for place in range(3)]
    wanted += ["`check_rules`: failed", "bad_request", "needs s3", "25.8", "1,234", "0.402"]
    wanted += ["SELECT count(*) FROM dataset WHERE a < 1", "fax is no longer asked for", "The budget ended it"]
    assert [part for part in wanted if part not in text] == []


def test_the_same_run_gives_the_same_report() -> None:
    assert to_html(_full()) == to_html(_full())
    assert to_markdown(_full()) == to_markdown(_full())


def test_a_report_is_written_in_three_forms(tmp_path: Path) -> None:
    report = _full()
    page = write_report(report, tmp_path)
    assert page == tmp_path / "report.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json", "report.md"]
    assert page.read_text("utf-8") == to_html(report)
    assert (tmp_path / "report.md").read_text("utf-8") == to_markdown(report)
    assert RunReport.model_validate_json((tmp_path / "report.json").read_text("utf-8")) == report


@pytest.mark.parametrize("fails", ["drawing", "writing"])
def test_a_failure_leaves_the_report_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    write_report(_full(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def refuse(*_: object, **__: object) -> Any:
        raise OSError("the disk is full")

    if fails == "drawing":
        monkeypatch.setattr(write, "to_html", refuse)
    else:
        written = iter([write.tempfile.NamedTemporaryFile] * 2 + [refuse])
        monkeypatch.setattr(write.tempfile, "NamedTemporaryFile", lambda **fields: next(written)(**fields))
    with pytest.raises(OSError, match="the disk is full"):
        write_report(_report(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
