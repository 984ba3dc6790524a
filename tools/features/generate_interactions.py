"""Products of columns, for what two columns tell together and neither tells alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..errors import BadRequest, LimitExceeded
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    from ..results import Finding
    from ._step import Part
    from ._training import Plan, Training

# The most products of one step, whatever the limit.
CEILING = 5_000
_REASONS, _SUGGESTED = 15, 30


@action("Generate interactions", pure=False, read_only=False)
def generate_interactions(
    pipeline: str,
    max_degree: Annotated[int, Field(ge=2, le=4)] = 2,
    limit: Annotated[int, Field(ge=1, le=CEILING)] = 100,
    columns: list[str] | None = None,
    *,
    context: Context,
) -> StepResult:
    """Multiply number columns with each other (no squares); refused before anything is made if above limit.

    Flags of one category are never multiplied with each other (always 0), and a product that is constant or a copy of
    another column in the training rows is left out. Otherwise these are the columns of scikit-learn's
    `PolynomialFeatures(interaction_only=True)`, cut at 1e150 so that they stay finite. A missing factor makes
    the product missing: impute first.

    Args:
        pipeline: its name
        max_degree: most factors
        limit: most new columns
        columns: factors; default all
        context: who calls

    Raises:
        LimitExceeded: there would be more products than `limit`; the message has their count and columns that fit.
        BadRequest: a column is not there or no number; there are not two to multiply.
    """
    from ._build import extend

    arguments = {"max_degree": max_degree, "limit": limit, "columns": columns}
    declared, number, changed = extend(context, pipeline, "generate_interactions", arguments)
    return step_result(declared, number, changed=changed)


def plan(training: Training, *, max_degree: int, limit: int, columns: list[str] | None) -> Plan:
    """Count the products, and choose those that tell something."""
    from ._products import candidates, exclusive_groups, useless
    from ._training import Plan

    chosen = set(training.choose(columns, ("number", "flag"), what="generate_interactions"))
    names = [name for name in training.columns if name in chosen]
    groups = exclusive_groups(training, names)
    if len(groups) < 2:
        raise BadRequest(_too_few(training, names))
    count = _count(groups, max_degree)
    if count > limit:
        raise LimitExceeded(_refusal(training, names, groups, max_degree, limit, count))
    wanted = candidates(groups, max_degree)
    left_out = dict(useless(training, names, wanted))
    made = [item for item in wanted if item not in left_out]
    if not made:
        first = next(iter(left_out.values()))
        raise BadRequest(
            f"none of the {count:,} products of {_listed(names)} tells anything new (the first is {first}); "
            "name other columns, or go on without interactions"
        )
    part, used, called = _part(training, names, made)
    reasons = {_name(names, item): why for item, why in list(left_out.items())[:_REASONS]}
    factors = Counter(names[position] for item in made for position in item)
    for name, times in factors.most_common(_REASONS):
        reasons[name] = f"factor of {times:,} of {len(made):,} products"
    warnings = _warnings(training, names, left_out, used, called)
    return Plan(parts=[(part, used, True)], reasons=reasons, warnings=warnings)


def _part(
    training: Training, names: Sequence[str], made: Sequence[tuple[int, ...]]
) -> tuple[Part, list[str], dict[str, str]]:
    """Return the part, its columns, and the products that could not have the name that they should have."""
    import numpy as np

    from ._products import Products

    used = sorted({position for item in made for position in item})
    place = {position: index for index, position in enumerate(used)}
    factors = np.full((len(made), max(map(len, made))), -1, dtype=np.int64)
    taken: dict[str, None] = {}
    renamed = {}
    for row, item in enumerate(made):
        factors[row, : len(item)] = [place[position] for position in item]
        wish = name = _name(names, item)
        if wish in taken or wish in training.columns:
            name = training.free_name(wish, list(taken))
            renamed[wish] = name
        taken[name] = None
    columns = [names[position] for position in used]
    flags = np.array([all(training.columns[names[p]].kind == "flag" for p in item) for item in made])
    return Products(factors, list(taken), columns, flags), columns, renamed


def _name(names: Sequence[str], item: Sequence[int]) -> str:
    from ._products import product_name

    return product_name(names, item)


def _count(groups: Sequence[Sequence[int]], degree: int) -> int:
    from ._products import count_products

    sizes = [len(group) for group in groups]
    return count_products(sizes.count(1), [size for size in sizes if size > 1], degree)


def _too_few(training: Training, names: Sequence[str]) -> str:
    if len(names) > 1:
        return (
            f"{_listed(names)} are flags of one column, of which a row has one at most: their products are always 0; "
            "name a column besides"
        )
    others = [name for name in training.of_kind("number", "flag") if name not in names]
    more = f"columns can name {_listed(others)} besides" if others else "make numbers of other columns first"
    return f"interactions take two number or flag columns at least, and there is {_listed(names) or 'none'}; {more}"


def _refusal(
    training: Training, names: Sequence[str], groups: Sequence[list[int]], degree: int, limit: int, count: int
) -> str:
    flags = " (flags of one category not multiplied with each other)" if len(groups) < len(names) else ""
    ways = [f"limit={count} makes all"] if count <= CEILING else []
    counts = {fewer: _count(groups, fewer) for fewer in range(2, degree)}
    ways += [f"max_degree={fewer} makes {made:,}" for fewer, made in counts.items() if made <= limit]
    fitting, measure = _fitting(training, names, groups, degree, limit)
    if len(fitting) > 1:
        positions = set(fitting)
        left = [kept for group in groups if (kept := [p for p in group if p in positions])]
        shown = [names[position] for position in sorted(fitting)]
        ways.append(f"columns={shown!r}, the strongest by {measure}, make {_count(left, degree):,}")
    over = "" if count <= CEILING else f", more than the {CEILING:,} that can be made at all"
    return (
        f"{len(names):,} columns multiplied up to {degree} at a time make {count:,} columns{flags}, and limit is "
        f"{limit:,} (at most {CEILING:,}){over}. Nothing was made. Ways out: {'; or '.join(ways) or 'fewer columns'}"
    )


def _fitting(
    training: Training, names: Sequence[str], groups: Sequence[list[int]], degree: int, limit: int
) -> tuple[list[int], str]:
    """Return the strongest columns whose products fit the limit, and by which measure they are."""
    from ._selection import strongest

    order, measure = strongest(training, names)
    home = {position: index for index, group in enumerate(groups) for position in group}
    taken: list[int] = []
    for position in order[:_SUGGESTED]:
        sizes = Counter(home[p] for p in [*taken, position])
        if _count([[0] * size for size in sizes.values()], degree) > limit:
            break
        taken.append(position)
    return (taken, measure) if len({home[position] for position in taken}) > 1 else ([], measure)


def _warnings(
    training: Training,
    names: Sequence[str],
    left_out: dict[tuple[int, ...], str],
    used: Sequence[str],
    renamed: dict[str, str],
) -> list[Finding]:
    from ._training import warn

    warnings = []
    missing = {name: float(training.frame[name].isna().mean()) for name in used}
    holes = sorted((name for name, share in missing.items() if share > 0), key=lambda name: -missing[name])
    if holes:
        message = (
            f"impute first: {_listed(holes)} {'is' if len(holes) == 1 else 'are'} missing in up to "
            f"{missing[holes[0]]:.1%} of the training rows, and so are the products; remove this step with "
            "edit_pipeline, call impute_missing_values, then multiply"
        )
        warnings.append(warn(message, holes[:12], "missing_factors", round(missing[holes[0]], 4), "medium"))
    if left_out:
        examples = [_name(names, item) for item in list(left_out)[:5]]
        message = (
            f"{len(left_out):,} products are constant or copies in the training rows, so not made: {_listed(examples)}"
        )
        warnings.append(warn(message, [], "useless_products", len(left_out)))
    if renamed:
        told = ", ".join(f"{wish!r} is {name!r}" for wish, name in list(renamed.items())[:5])
        warnings.append(warn(f"names that were taken: {told}", [], "renamed", len(renamed)))
    return warnings


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:6])) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")
