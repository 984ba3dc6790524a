"""The charts of a report: what each shows, as rows of bars, drawn from the numbers that the steps kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from . import reading, svg, words
from .reading import Record

_SHOWN, _FOLDED = 10, 10
Swatch = tuple[str, str]


@dataclass(frozen=True)
class Source:
    """A step that is done, with its whole result: its place in the run and its action."""

    place: int
    action: str
    detail: Record

    @property
    def dataset(self) -> str:
        """What it looked at."""
        return words.base_name(reading.text(self.detail, "dataset"))


@dataclass(frozen=True)
class Row:
    """One line of a chart: its label, its drawing, the number it draws in words, and what else there is to say."""

    label: str
    drawing: Markup
    told: str
    note: str = ""
    quote: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart.

    Attributes:
        places: the steps that it is drawn from.
        legend: a class of the style sheet and what it stands for.
        rows: those that are always shown; `folded` are those behind a click; `left` is what is not shown at all.
        plot: a drawing of its own, in place of rows.
    """

    title: str
    about: str
    places: tuple[int, ...]
    legend: tuple[Swatch, ...] = ()
    rows: tuple[Row, ...] = ()
    folded: tuple[Row, ...] = ()
    left: str = ""
    plot: Markup | None = None
    ends: tuple[str, ...] = ()


def figures(sources: Sequence[Source]) -> list[Figure]:
    """Draw what there is to draw, in the order in which it is best read."""
    from .drawings import drawing

    drawn: list[Figure] = []
    for makers in _MAKERS:
        for action, make in makers:
            of_action = [source for source in sources if source.action == action]
            made = [(source, figure) for source in of_action if (figure := make(source)) is not None]
            drawn += _named_apart(made)
            if made:
                # The makers of one group draw the same from other results; the first of them knows it best.
                break
    return drawn + [
        figure for source in sources if source.action == "create_visualization" and (figure := drawing(source))
    ]


def _named_apart(made: Sequence[tuple[Source, Figure]]) -> list[Figure]:
    """Keep the last of charts that show the same of the same data; tell the data where others are shown alike."""
    latest = {(figure.title, source.dataset): figure for source, figure in made}
    titles = [title for title, _ in latest]
    return [
        replace(figure, title=f"{title}: {dataset}") if titles.count(title) > 1 else figure
        for (title, dataset), figure in latest.items()
    ]


def cut(rows: Sequence[Row], thing: str) -> tuple[tuple[Row, ...], tuple[Row, ...], str]:
    """Split rows into those shown, those folded away, and words for the rest."""
    shown = _SHOWN if len(rows) > _SHOWN + 2 else len(rows)
    rest = len(rows) - shown - _FOLDED
    left = f"{words.counted(rest, thing)} more in the whole result of the step" if rest > 0 else ""
    return tuple(rows[:shown]), tuple(rows[shown : shown + _FOLDED]), left


def points(source: Source) -> Figure | None:
    """Draw the points that each finding took from the score."""
    taken = [
        (item, lost)
        for item in reading.records(source.detail, "deductions")
        if (lost := reading.amount(item, "points"))
    ]
    if not taken:
        return None
    most = max(lost for _, lost in taken)
    rows = [
        Row(
            label=reading.text(item, "message"),
            drawing=svg.bar([(reading.text(item, "severity"), lost / most)]),
            told=f"−{lost:.1f}",  # noqa: RUF001  # a minus sign
            note=f"{reading.text(item, 'severity')} · {reading.text(item, 'check')}",
        )
        for item, lost in taken
    ]
    score = reading.amount(source.detail, "score")
    total = sum(lost for _, lost in taken)
    about = f"{words.counted(len(taken), 'finding')} took {total:.1f} points"
    about += f" of 100: the score is {words.number(score)}." if score is not None else "."
    if source.detail.get("truncated") is True:
        about = f"What the findings took from the score of {words.number(score or 0.0)}; the list is cut."
    legend = tuple((name, name) for name in ("high", "medium", "low"))
    shown, folded, left = cut(rows, "finding")
    return Figure("Where the points went", about, (source.place,), legend, shown, folded, left)


def missing(source: Source) -> Figure | None:
    """Draw the share of missing and disguised values by column."""
    rows_of = reading.record(source.detail, "scanned")
    of = reading.count(rows_of, "of")
    columns = reading.records(source.detail, "columns")
    affected = [item for item in columns if reading.count(item, "missing") + reading.count(item, "disguised")]
    if not affected or not of:
        return None
    affected.sort(key=lambda item: -(reading.amount(item, "fraction") or 0.0))
    rows = [_missing_row(item, of) for item in affected]
    whole = len(affected) < len(columns) and source.detail.get("truncated") is not True
    among = f" of {len(columns):,}" if whole else ""
    about = f"{reading.many(source.detail, affected)}{among} columns lack values, in {words.counted(of, 'row')}."
    legend = (("plain", "null"), ("hatch", "disguised, such as N/A or -999"))
    shown, folded, left = cut(rows, "column")
    return Figure("Missing values", about, (source.place,), legend, shown, folded, left)


def _missing_row(item: Record, of: int) -> Row:
    nulls, disguised = reading.count(item, "missing"), reading.count(item, "disguised")
    fraction = reading.amount(item, "fraction")
    told = [words.counted(nulls, "null")] if nulls else []
    if disguised:
        placeholders = list(reading.record(item, "placeholders"))[:4]
        told.append(f"{disguised:,} disguised" + (f" ({', '.join(map(repr, placeholders))})" if placeholders else ""))
    if mechanism := reading.text(item, "mechanism"):
        told.append("no column tells why" if mechanism == "random" else mechanism)
    return Row(
        label=reading.text(item, "column"),
        drawing=svg.bar([("plain", nulls / of), ("hatch", disguised / of)]),
        told=words.share((nulls + disguised) / of if fraction is None else fraction),
        note=", ".join(told),
    )


def missing_found(source: Source) -> Figure | None:
    """Draw the share of missing values from findings, where no result lists the columns."""
    of = reading.count(reading.record(source.detail, "scanned"), "of")
    rows = []
    for finding in reading.findings(source.detail):
        hidden = finding.metric == "disguised_missing"
        told = finding.evidence.rows
        if of and told and len(finding.columns) == 1 and (hidden or finding.metric == "missing_fraction"):
            kind = "hatch" if hidden else "plain"
            note = f"{words.counted(told, 'row')}{', disguised' if hidden else ''}"
            rows.append((told, Row(finding.columns[0], svg.bar([(kind, told / of)]), words.share(told / of), note)))
    if not rows:
        return None
    ordered = [row for _, row in sorted(rows, key=lambda pair: -pair[0])]
    about = f"The columns with a finding about missing values, of {words.counted(of, 'row')}."
    legend = (("plain", "missing"), ("hatch", "disguised, such as N/A or -999"))
    shown, folded, left = cut(ordered, "column")
    return Figure("Missing values", about, (source.place,), legend, shown, folded, left)


def drift(source: Source) -> Figure | None:
    """Draw how much each column changed, against the size from which on it counts as drift."""
    columns = [item for item in reading.records(source.detail, "columns") if reading.amount(item, "effect") is not None]
    if not columns:
        return None
    columns.sort(key=lambda item: (item.get("drifted") is not True, -(reading.amount(item, "effect") or 0.0)))
    rows = [_drift_row(item) for item in columns]
    drifted = sum(item.get("drifted") is True for item in columns)
    reference = words.base_name(reading.text(source.detail, "reference"))
    about = f"{drifted:,} of {reading.many(source.detail, columns)} columns drifted"
    about += f" from {reference} to {source.dataset}." if reference else "."
    legend = (("high", "drifted"), ("low", "steady"), ("tick", "size that counts"))
    shown, folded, left = cut(rows, "column")
    return Figure("Drift", about, (source.place,), legend, shown, folded, left)


def _drift_row(item: Record) -> Row:
    effect = reading.amount(item, "effect") or 0.0
    drifted = item.get("drifted") is True
    note = [("drifted" if drifted else "steady"), reading.text(item, "measure").replace("_", " ")]
    return Row(
        label=reading.text(item, "column"),
        drawing=svg.bar([("high" if drifted else "low", min(1.0, abs(effect)))], reading.amount(item, "threshold")),
        told=words.number(round(effect, 4)),
        note=" · ".join(part for part in [*note, reading.text(item, "note")] if part),
    )


def relationships(source: Source) -> Figure | None:
    """Draw the strength of the strongest pairs, or of what drives the target."""
    pairs = [item for item in reading.records(source.detail, "pairs") if reading.amount(item, "value") is not None]
    if not pairs:
        return None
    target = reading.text(source.detail, "target")
    rows = [_pair_row(item, target) for item in pairs]
    compared = reading.count(source.detail, "compared")
    about = f"{reading.many(source.detail, pairs)} related of {words.counted(compared, 'pair')} compared."
    legend = (("plain", "together"), ("hatch", "against each other"))
    shown, folded, left = cut(rows, "pair")
    title = f"What goes with {target}" if target else "Related columns"
    signed = any((reading.amount(item, "value") or 0) < 0 for item in pairs)
    return Figure(title, about, (source.place,), legend if signed else (), shown, folded, left)


def _pair_row(item: Record, target: str) -> Row:
    strength = reading.amount(item, "value") or 0.0
    left, right = reading.text(item, "left"), reading.text(item, "right")
    label = f"{left} – {right}" if target not in (left, right) else (left if right == target else right)  # noqa: RUF001
    note = [reading.text(item, "measure").replace("_", " "), words.counted(reading.count(item, "rows"), "row")]
    return Row(
        label=label,
        drawing=svg.bar([("hatch" if strength < 0 else "plain", min(1.0, abs(strength)))]),
        told=words.number(round(strength, 4)),
        note=" · ".join(part for part in [*note, reading.text(item, "note")] if part),
    )


_Maker = tuple[str, Callable[[Source], Figure | None]]
_MAKERS: tuple[tuple[_Maker, ...], ...] = (
    (("quality_report", points),),
    (("check_missing_values", missing), ("missing_data_analysis", missing), ("quality_report", missing_found)),
    (("check_drift", drift),),
    (("find_relationships", relationships),),
)
