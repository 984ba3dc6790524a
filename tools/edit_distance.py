"""How many slips lie between two words."""

from __future__ import annotations


def distance(left: str, right: str, limit: int) -> int:
    """Count the insertions, deletions, substitutions and swaps of neighbours between two texts, at most `limit` + 1.

    Damerau–Levenshtein in its restricted form (optimal string alignment).

    >>> distance("Brelin", "Berlin", 2), distance("kitten", "sitting", 3), distance("north", "south", 1)
    (1, 3, 2)
    """  # noqa: RUF002
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, row = row, current
    return row[-1]
