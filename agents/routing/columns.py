"""Which columns a request is about, of all that it may speak of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .joint import MOST_CHOSEN, Read, load_heads
from .mentions import Mention, mentions
from .phrases import MOST_COLUMNS, described, phrases
from .reading import Reading, names_of, read
from .relevance import KINDS, facts
from .sql_filters import periods_of
from .tables import Column, Table
from .trees import Trees

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ENOUGH = 0.55
# How much the usual number of columns of an action counts against the columns' own probabilities.
_USUAL = 0.6
# How much the number of columns that the request was heard to speak of does.
_HEARD = 1.0
# How much the reading together counts against the trees.
_TOGETHER = 0.7

_BY_TIME = (
    r"\b(per|by|each|every|a|over|which|what|busiest) (calendar )?(day|week|month|quarter|year|hour)s?\b|\bover time\b|"
    r"\b(monthly|weekly|daily|trend)\b"
)
_OF_NUMBERS = r"\b(average|avg|mean|median|sum|total|highest|largest|biggest|cheapest|lowest|longest|shortest)\b"
_LIKELY = 0.1
# A number of such a column tells the time that a date would.
_YEARS = re.compile(r"\b(years?|yr)\b")
# No judge is surer than this.
_SLIGHT = 1e-4
# Actions that look at the whole table or at none: no column is an argument of theirs.
WITHOUT = frozenset(
    {"missing_data_analysis", "infer_schema", "suggest_rules", "basic_info", "list_datasets", "load_dataset"}
    | {"delete_dataset", "show_pipeline", "save_fe_pipeline", "apply_fe_pipeline", "select_features"}
    | {"remember", "recall", "forget", "associate_memories"}
)

Vectors = Mapping[str, "npt.NDArray[np.float32]"]


def find_columns(text: str, table: Table) -> list[str]:
    """Return the columns that a text speaks about, as the table spells them, in the order of the text.

    Args:
        text: a question, a goal, a phrase; in one of the languages that the glossary knows.
        table: whose columns they are.
    """
    reading = read(text, names_of(table))
    return [one.column for one in select(mentions(reading, table))]


def select(found: list[Mention]) -> list[Mention]:
    """Return the surest mention of each column, without those that rest on the words of surer ones."""
    taken: set[int] = set()
    chosen: dict[str, Mention] = {}
    for one in found:
        ties = [
            other
            for other in found
            if other.column != one.column and other.score == one.score and other.tokens == one.tokens
        ]
        free = any(place not in taken for place in one.tokens)
        if one.score >= _ENOUGH and free and one.column not in chosen and not ties:
            chosen[one.column] = one
            taken.update(one.tokens)
    return sorted(chosen.values(), key=lambda one: one.tokens)


def texts_of(reading: Reading, table: Table) -> list[str]:
    """Return what has to be embedded to choose among the columns of a table, besides the question itself."""
    return [*(text for text, _ in phrases(reading)), *map(described, table.columns[:MOST_COLUMNS])]


@dataclass(frozen=True, eq=False)
class Chooser:
    """The trained judgement of which columns are meant.

    Attributes:
        actions: names of the actions that it was trained with.
        full: with the embeddings; `plain`: without.
        rates: by action and kind, how often a column is meant.
        counts: by action, how often none, one, two … columns are.
    """

    actions: tuple[str, ...]
    full: Trees
    plain: Trees
    rates: Mapping[str, Sequence[float]]
    counts: Mapping[str, Sequence[float]]

    def choose(
        self,
        reading: Reading,
        found: Sequence[Mention],
        table: Table,
        action: str,
        vectors: Vectors | None,
        together: Read | None = None,
    ) -> tuple[Column, ...]:
        """Return the columns that a request gives an action, in the order in which it speaks of them.

        Args:
            vectors: of the texts of `texts_of`; None without an embedder.
            together: the request as it was read with its table, where it could be.
        """
        import numpy as np

        if not table.columns or action in WITHOUT:
            return ()
        rows = features(reading, found, table, action, self.actions, self.rates, vectors)
        chances = (self.plain if vectors is None else self.full).probabilities(rows)
        numbers: npt.NDArray[Any] = _USUAL * np.log(self.counts.get(action, [1.0] * (MOST_CHOSEN + 1)))
        if together is not None:
            heads, place = load_heads(), self.actions.index(action)
            chances = blended(chances, heads.columns(together, place, rows))
            numbers = _HEARD * heads.numbers(together, place)
        order = np.argsort(-chances, kind="stable")
        sure = np.clip(chances[order], _SLIGHT, 1 - _SLIGHT)
        yes = np.concatenate([[0.0], np.cumsum(np.log(sure))])
        no = np.concatenate([[0.0], np.cumsum(np.log(1 - sure)[::-1])])[::-1]
        most = min(MOST_CHOSEN, len(sure))
        size = int(np.argmax((yes + no)[: most + 1] + numbers[: most + 1]))
        places = {one.column: one.tokens for one in reversed(found)}
        chosen = [table.columns[place] for place in order[:size]]
        chosen += _implied(reading, found, table, action, chosen, chances.tolist())
        return tuple(sorted(chosen, key=lambda column: places.get(column.name, (10_000,))))


def blended(chances: npt.NDArray[np.float32], log_odds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return chances between those of two judges, of whom the second tells log-odds and counts more."""
    import numpy as np

    sure = np.clip(chances, _SLIGHT, 1 - _SLIGHT)
    surest = np.log(1 / _SLIGHT - 1)
    mean = (1 - _TOGETHER) * np.log(sure / (1 - sure)) + _TOGETHER * np.clip(log_odds, -surest, surest)
    return np.asarray(1 / (1 + np.exp(-mean)), dtype=np.float32)


def _implied(
    reading: Reading,
    found: Sequence[Mention],
    table: Table,
    action: str,
    chosen: list[Column],
    chances: list[float],
) -> list[Column]:
    """Return the date of "per month" or "in May", and the number of "largest", where none was chosen."""
    text = reading.english.lower()
    kinds = {column.kind for column in chosen}
    query = action == "query_dataset"
    years = any(column.kind == "number" and _YEARS.search(described(column)) for column in chosen)
    within_time = query and not years and bool(periods_of(text, found, reading.tokens))
    timed = within_time or _by_time(reading, found, chosen)
    if timed and "datetime" not in kinds and action in ("query_dataset", "create_visualization"):
        return _likeliest(table, "datetime", chances, 0.0)
    if query and not kinds & {"number", "datetime", "boolean"} and re.search(_OF_NUMBERS, text):
        return _likeliest(table, "number", chances, _LIKELY)
    return []


def _by_time(reading: Reading, found: Sequence[Mention], chosen: Sequence[Column]) -> bool:
    """Tell whether something is asked over time, by words that name none of the chosen columns: not "monthly fee"."""
    names = {column.name for column in chosen}
    taken = {place for one in found if one.column in names for place in one.tokens}
    taken_ends = {reading.tokens[place].end for place in taken}
    return any(match.end() not in taken_ends for match in re.finditer(_BY_TIME, reading.english, re.IGNORECASE))


def _likeliest(table: Table, kind: str, chances: list[float], least: float) -> list[Column]:
    found = [(chance, -place) for place, chance in enumerate(chances) if table.columns[place].kind == kind]
    return [table.columns[-max(found)[1]]] if found and max(found)[0] >= least else []


def features(
    reading: Reading,
    found: Sequence[Mention],
    table: Table,
    action: str,
    actions: Sequence[str],
    rates: Mapping[str, Sequence[float]],
    vectors: Vectors | None,
) -> npt.NDArray[np.float32]:
    """Return what is known of each column of the table in the light of a request for an action."""
    import numpy as np

    likeness, whole = _likeness(reading, table, vectors)
    rows = facts(reading, found, table, action, actions, likeness, whole)
    usual = rates.get(action, [0.1] * len(KINDS))
    kinds = [usual[KINDS.index(column.kind)] if column.kind in KINDS else 0.0 for column in table.columns]
    return np.hstack([rows, np.asarray(kinds, dtype=np.float32)[:, None]])


def _likeness(reading: Reading, table: Table, vectors: Vectors | None) -> tuple[Any, Any]:
    import numpy as np

    if vectors is None:
        return None, None
    known = np.array([vectors[described(column)] for column in table.columns[:MOST_COLUMNS]])
    rest = ((0, len(table.columns) - len(known)), (0, 0))
    columns = np.pad(known, rest)
    said = [vectors[text] for text, _ in phrases(reading)]
    likeness = np.array(said) @ columns.T if said else None
    return likeness, columns @ vectors[reading.english]
