"""Questions as DuckDB SQL over the table `dataset`: a small grammar of aggregate, filter, group and top-k."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .asked import Asked, MissingArgument
from .quantities import numbers
from .sql_filters import Filter, filters, flag
from .sql_text import figure as as_number
from .sql_text import name
from .sql_text import text as quoted
from .tables import Column

_AGGREGATES = (
    ("median", r"\b(median)\b"),
    ("avg", r"\b(average|averages|avg|mean|typical(ly)?|on average|usual(ly)?)\b"),
    (
        "sum",
        r"\b(total|totals|sum|sums|summed|altogether|overall|in all|how much|spent|spend|add up|revenue|"
        r"bring in|brought in)\b",
    ),
    ("max", r"\b(max|maximum|at most|peak ever)\b"),
    ("min", r"\b(min|minimum)\b"),
)
_DOWN = (
    r"\b(most|highest|largest|biggest|top|best|latest|newest|longest|greatest|maximum|last|heaviest|fastest|"
    r"oldest person|"
    r"dearest|tallest|busiest|commonest|strongest|hottest|richest|fattest|priciest|descending|desc|recent|youngest|"
    r"highest first|worst|frequent|more)\b"
)
_UP = (
    r"\b(least|lowest|smallest|fewest|shortest|earliest|oldest|cheapest|minimum|first|lightest|slowest|coldest|"
    r"ascending|asc|rarest|lowest first|bottom|poorest|less)\b"
)
_SHARE = r"\b(share|percent|percentage|pct|fraction|proportion|rate|ratio|how often|quota)\b|%"
_DISTINCT = r"\b(distinct|different|unique|various)\b"
_GROUPED = (
    r"(?:\b(?:per|by|each|every|for each|across|within|for every|of each|grouped by|group by|split by|broken "
    r"down by|according to)\W+(?:\w+\W+){0,2}$)"
)
_SORTED = r"\b(sort(ed)?|ordered by|order by|newest first|oldest first|latest first|highest first|cheapest first)\b"
_PARTS = {"hour": r"hour", "day": r"day", "week": r"week", "month": r"month", "quarter": r"quarter", "year": r"year"}
_DURATION = (
    r"\b(long|longest|shortest|longer|duration|takes?|took|time|until|between|elapsed|days?|hours?|minutes?|"
    r"lasts?|late|later|delay)\b"
)
_COUNTED = r"\b(?:how many|number of|count of)\b"
_SUMMED = r"quantit|qty|units|items|count|pieces"
_LONGEST_LIST = 1_000


@dataclass
class _Query:
    """The parts of a statement while it is put together."""

    asked: Asked
    where: list[Filter] = field(default_factory=list)
    group: list[tuple[str, str]] = field(default_factory=list)
    measures: list[tuple[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    order: str = ""
    limit: int | None = None
    distinct: bool = False
    rest: str = ""

    def has(self, pattern: str) -> bool:
        """Tell whether the text without the words of the filters matches: "at least 3" is no superlative."""
        return re.search(pattern, self.rest) is not None


def query(asked: Asked) -> dict[str, object]:
    """Return the arguments of `query_dataset`: the statement, and a limit where rows are listed.

    Raises:
        MissingArgument: the question names no column of the table and does not ask for a count.
    """
    if not asked.columns and not asked.has(r"\b(how many|number of|count|rows|records|all|list|show)\b"):
        raise MissingArgument("name the column to count, sum, average or list")
    built = _Query(asked)
    found = filters(asked)
    built.where = [one for one in found if one.sql]
    built.used = {one.column for one in found}
    built.rest = _without(asked.text, found)
    _spans(built)
    _groups(built)
    _compared(built)
    _flags(built)
    _measures(built)
    _rest(built)
    _order(built)
    return _arguments(built)


def _without(text: str, found: list[Filter]) -> str:
    for one in found:
        text = text[: one.start] + " " * (one.end - one.start) + text[one.end :]
    return text


def _left(built: _Query, *kinds: str) -> list[Column]:
    return [column for column in built.asked.of(*kinds) if column.name not in built.used]


def _spans(built: _Query) -> None:
    """Two dates with words of duration are the days between them."""
    moments = _left(built, "datetime")
    if len(moments) == 2 and built.has(_DURATION):
        early, late = sorted(moments, key=lambda one: _lateness(built.asked.table, one))
        days = f"date_diff('day', {name(early.name)}, {name(late.name)})"
        built.used |= {early.name, late.name}
        more = re.search(r"\b(?:more|longer|later) than (\w+) (?:days?)", built.asked.text)
        bound = numbers(more[1]) if more else []
        if bound:
            built.where.append(Filter(late.name, f"{days} > {int(bound[0].value)}"))
        elif built.has(r"\b(late|after|before)\b") and not built.has(r"\b(average|mean|long|longest|takes?)\b"):
            built.where.append(Filter(late.name, f"{name(late.name)} > {name(early.name)}"))
        elif built.has(r"\b(average|mean|typical|usually|on average|each|per|by)\b"):
            built.measures.append((f"avg({days})", "average_days"))
        else:
            built.shown.append(f"*, {days} AS days")
            built.order = "days"


def _lateness(table: object, column: Column) -> int:
    words = column.name.lower()
    late = re.search(
        r"end|clos|return|settl|deliver|arriv|ship|due|sold|harvest|dropoff|finish|out|report|pay|last|until|to$", words
    )
    del table
    return 1 if late else 0


def _groups(built: _Query) -> None:
    asked = built.asked
    for column in asked.columns:
        span = asked.place(column.name)
        if column.name in built.used or span is None or _divides(asked, column):
            continue
        before = asked.text[: span[0]]
        sorts = re.search(r"\b(?:sort|sorted|order|ordered|ranked|rank)\W+by\W+(?:\w+\W+)?$", before)
        # "cities by revenue" ranks by a number; only "per" and the like divide by one.
        ranks = column.kind == "number" and re.search(r"\bby\W+(?:\w+\W+){0,2}$", before)
        if column.kind != "datetime" and not sorts and not ranks and re.search(_GROUPED, before):
            built.group.append((name(column.name), name(column.name)))
            built.used.add(column.name)
    for column in asked.of("datetime")[:1] if len(_left(built, "datetime")) < 2 else _left(built, "datetime"):
        part = next((part for part in _PARTS if _by_part(asked, part)), None)
        if part:
            built.group.append((_part_of(asked, column, part), part))
            built.used.add(column.name)


def _compared(built: _Query) -> None:
    """Tell periods apart that are compared: "this month against last month" is two figures."""
    for one in built.where:
        if one.ways and built.has(r"\b(vs|versus|against|compar\w*|than|or|differ\w*|each|both|respectively)\b"):
            cases = " ".join(f"WHEN {sql} THEN {quoted(said)}" for said, sql in one.ways)
            built.group.append((f"CASE {cases} END", "period"))


def _divides(asked: Asked, column: Column) -> bool:
    """Tell whether a number is what another is counted per: "price per square metre"."""
    span = asked.place(column.name)
    others = [place for one in asked.of("number") if one is not column and (place := asked.place(one.name))]
    if column.kind != "number" or span is None:
        return False
    return re.search(r"\b(?:per|for each|a|by)\W+(?:\w+\W+)?$", asked.text[: span[0]]) is not None and any(
        place[1] <= span[0] for place in others
    )


def _by_part(asked: Asked, part: str) -> bool:
    return asked.has(
        rf"\b(?:per|by|each|every|a|of the|which|what|over|at what) (?:calendar )?{part}s?\b|\b{part}ly\b|"
        rf"\bbusiest {part}\b"
    )


def _part_of(asked: Asked, column: Column, part: str) -> str:
    moment = name(column.name)
    if part == "hour" or (part == "day" and asked.has(r"\b(day of the week|weekday)\b")):
        return f"{'hour' if part == 'hour' else 'dayname'}({moment})"
    return f"CAST(date_trunc('{part}', {moment}) AS DATE)"


def _flags(built: _Query) -> None:
    asked = built.asked
    for column in _left(built, "boolean"):
        share = built.has(_SHARE) or (
            built.has(r"\b(most|least|highest|lowest)\b") and bool(_left(built, "category", "id"))
        )
        both = built.has(r"\b(with and without|with or without|or not|versus|vs|and non)\b")
        if both:
            built.group.append((name(column.name), name(column.name)))
        elif share and not _left(built, "number"):
            condition = flag(asked, column).sql
            built.measures.append((f"100.0 * avg(CASE WHEN {condition} THEN 1 ELSE 0 END)", "percent"))
        else:
            built.where.append(flag(asked, column))
        built.used.add(column.name)


def _measures(built: _Query) -> None:
    asked = built.asked
    figures = _left(built, "number")
    aggregate = next((word for word, pattern in _AGGREGATES if built.has(pattern)), None)
    if len(figures) == 2 and any(_divides(asked, figure) for figure in figures):
        over, under = (name(figure.name) for figure in sorted(figures, key=lambda one: _divides(asked, one)))
        kind = (
            f"sum({over}) / nullif(sum({under}), 0)"
            if _left(built, "category", "id")
            else f"avg({over} / nullif({under}, 0))"
        )
        built.measures.append((kind, "ratio"))
        built.used |= {figure.name for figure in figures}
        figures = []
    listing = _lists_rows(built, aggregate)
    for figure in figures:
        if listing:
            break
        if not aggregate and built.has(_COUNTED) and not re.search(_SUMMED, figure.name.lower()):
            built.used.add(figure.name)  # what is counted has no measure
            continue
        kind = aggregate or ("avg" if not built.has(rf"\b(most|least|top|spent|owes?)\b|{_COUNTED}") else "sum")
        if not aggregate and not built.group and not _left(built, "category", "id") and built.has(_DOWN):
            kind = "max"
        elif not aggregate and not built.group and not _left(built, "category", "id") and built.has(_UP):
            kind = "min"
        built.measures.append((f"{kind}({as_number(figure)})", f"{kind}_{figure.name}"))
        built.used.add(figure.name)
    if not built.measures and not built.group and (one := _counted(built)) is not None:
        built.measures.append((f"count(DISTINCT {name(one.name)})", f"distinct_{one.name}"))
        built.used.add(one.name)
    if not built.measures and built.has(_DISTINCT):
        for column in _left(built, "id", "category", "text")[-1:]:
            built.measures.append((f"count(DISTINCT {name(column.name)})", f"distinct_{column.name}"))
            built.used.add(column.name)
    if not built.measures and built.has(_SHARE) and built.where:
        condition = " AND ".join(one.sql for one in built.where)
        built.measures.append((f"100.0 * avg(CASE WHEN {condition} THEN 1 ELSE 0 END)", "percent"))
        built.where = []


def _counted(built: _Query) -> Column | None:
    """Return the category or id that stands where what is counted does: "how many cities"."""
    for column in _left(built, "category", "id"):
        span = built.asked.place(column.name)
        if span and re.search(rf"{_COUNTED}\W+$", built.asked.text[: span[0]]):
            return column
    return None


def _lists_rows(built: _Query, aggregate: str | None) -> bool:
    """Tell whether rows are wanted, not figures over them."""
    if built.has(_SORTED):
        return True
    if aggregate or built.group or built.measures:
        return False
    if (_how_many(built.rest) or 1) > 1 and not _left(built, "category", "id", "text"):
        return True
    if built.has(r"\b(how many|number of|count|counts)\b"):
        return False
    return built.has(
        r"^\W*(?:please |can you |i need |give me |just |only )?(?:the )?(?:list|show|give|get|return|find|"
        r"all|every|everything|rows|fetch|those|which|who|whom|ones)\b"
    ) or bool(_left(built, "category", "id", "text") and built.has(r"\b(names?|list|show|rows|records)\b"))


def _counts(built: _Query) -> bool:
    return built.has(
        r"\b(how many|number of|count|counts|counted|how often|how busy|most|least|fewest|frequent|"
        r"commonest|busiest|popular|share|percent\w*|sells? best|sold best|best.?sell\w+)\b"
    )


def _rest(built: _Query) -> None:
    """Give every column that has no part yet one: groups where something is counted, else it is shown."""
    asked = built.asked
    counting = bool(built.measures) or bool(built.group) or _counts(built)
    counting = counting and not (built.has(_SORTED) and not built.measures)
    for column in [column for column in asked.columns if column.name not in built.used]:
        if column.kind == "datetime":
            _moment(built, column)
        elif counting and column.kind == "id" and built.group and not built.measures:
            built.measures.append((f"count(DISTINCT {name(column.name)})", f"distinct_{column.name}"))
        elif counting and column.kind != "number":
            built.group.append((name(column.name), name(column.name)))
        else:
            built.shown.append(name(column.name))
        built.used.add(column.name)
    if (built.group or _counts(built)) and not built.measures and not built.shown:
        built.measures.append(("count(*)", "rows"))


def _moment(built: _Query, column: Column) -> None:
    moment = name(column.name)
    first, last = built.has(r"\b(first|earliest|oldest)\b"), built.has(r"\b(last|latest|newest|most recent|recent)\b")
    if built.has(_SORTED) or (built.where and not (first and last)):
        built.order = built.order or moment
        built.limit = built.limit or None
    elif first and last:
        built.measures += [(f"min({moment})", f"first_{column.name}"), (f"max({moment})", f"last_{column.name}")]
    elif (first or last) and not built.has(r"\b(dates?|when|day)\b") and not built.group and not built.measures:
        built.order = moment
    elif first or last:
        built.measures.append(
            (f"{'min' if first else 'max'}({moment})", f"{'first' if first else 'last'}_{column.name}")
        )
    elif built.has(r"\b(over time|trend|develop\w*|evol\w+|timeline)\b"):
        built.group.append((f"CAST(date_trunc('month', {moment}) AS DATE)", "month"))
    elif built.group or built.measures or _counts(built):
        return  # a moment divides nothing unless its part was asked for
    else:
        built.shown.append(moment)


def _order(built: _Query) -> None:
    if built.measures and built.group:
        _rank_groups(built)
    elif not built.measures:
        _rank_rows(built)


def _direction(built: _Query) -> str:
    up = built.has(_UP) and not built.has(r"\b(most|highest|largest|biggest|top|(?:highest|newest|latest) first)\b")
    return "ASC" if up and not built.has(r"\b(newest|latest|descending|desc)\b") else "DESC"


def _rank_groups(built: _Query) -> None:
    ranked = built.has(_UP) or built.has(_DOWN)
    if built.group[0][0].startswith("CAST(date_trunc") and not ranked:
        built.order = "1"
        return
    built.order = f"{len(built.group) + 1} {_direction(built)} NULLS LAST"
    single = ranked and built.has(r"^\W*(?:and |so )?(?:which|who|what|whose)\b")
    built.limit = _how_many(built.rest) or (1 if single else None)


def _rank_rows(built: _Query) -> None:
    ranked = built.has(_UP) or built.has(_DOWN)
    figures = built.asked.of("number", "datetime")
    key = built.order or (name(figures[-1].name) if figures and (ranked or built.has(_SORTED)) else "")
    if not key:
        return
    direction = _direction(built) if ranked or (built.has(_SORTED + "|desc") and built.has("desc")) else "ASC"
    built.order = f"{key} {direction} NULLS LAST"
    single = ranked and not built.has(rf"{_SORTED}|\b(list|all|first|rows|descending|ascending|most of)\b")
    built.limit = _how_many(built.rest) or (1 if single and not built.where else None)


def _how_many(text: str) -> int | None:
    """Return the k of "top five", "the ten largest"."""
    number = r"(\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty|hundred)"
    rank = (
        r"(?:most|highest|lowest|largest|biggest|smallest|best|worst|latest|newest|oldest|longest|shortest|"
        r"cheapest|commonest|least|last|first|\w+est)"
    )
    match = re.search(rf"\b(?:top|bottom|first|last|best|worst|latest|newest)\W+{number}\b", text) or re.search(
        rf"\b{number}\W+(?:\w+\W+){{0,4}}?{rank}\b", text
    )
    found = numbers(match[1]) if match else []
    return min(int(found[0].value), _LONGEST_LIST) if found and found[0].value >= 1 else None


def _arguments(built: _Query) -> dict[str, object]:
    select = [f"{sql} AS {_alias(alias)}" if sql != alias else sql for sql, alias in (*built.group, *built.measures)]
    # Rows by rank are shown whole, unless some column besides the rank was asked for.
    select += [] if len(built.shown) == 1 and built.order.startswith(built.shown[0]) else built.shown
    if built.shown and not built.measures and not built.group:
        built.distinct = not any("*" in one for one in built.shown) and not built.order
    columns = ", ".join(select) or "*"
    sql = f"SELECT {'DISTINCT ' if built.distinct else ''}{columns} FROM dataset"  # noqa: S608 - columns are quoted names
    if built.where:
        sql += " WHERE " + " AND ".join(f"({one.sql})" if " OR " in one.sql else one.sql for one in built.where)
    if built.group and built.measures:
        sql += " GROUP BY " + ", ".join(str(place) for place in range(1, len(built.group) + 1))
    if built.order and (built.group or not built.measures):
        sql += f" ORDER BY {built.order}"
    arguments: dict[str, object] = {"sql": sql}
    if built.limit:
        arguments["sql"] = f"{sql} LIMIT {built.limit}"
        arguments["limit"] = built.limit
    return arguments


def _alias(alias: str) -> str:
    return alias if alias.startswith('"') else name(alias)
