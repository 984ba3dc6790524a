"""The step that makes numbers of moments."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ..catalogue import action
from ..context import Context
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..results import Finding
    from ._datetimes import Calendar
    from ._training import Plan, Training

# With more pairs than this, times are told only to the first column.
MOST_PAIRS = 10
# Rows on which warnings are judged.
_JUDGED = 100_000
_ALWAYS = 0.95
# Days from which on a year is seen whole enough for its cycle.
_A_YEAR = 330
_FAR_YEARS = 100


@action("Generate datetime features", pure=False, read_only=False)
def generate_datetime_features(
    pipeline: str,
    country: str | None = None,
    columns: list[str] | None = None,
    *,
    context: Context,
) -> StepResult:
    """Replace datetime columns by numbers: year to hour, weekend, cycles, elapsed days, days between columns, holidays.

    Moments are of UTC, whatever zone they were written in; those without a zone stay as they are. Made is only what
    varies in the training rows. Of cycles there are one of the year (of the day of year, or of the month where all
    moments are on the same day of theirs), one of the week and one of the day, each as sine and cosine. `elapsed_days`
    counts from the earliest training moment, `<a>_to_<b>_days` between two columns: all pairs of up to five columns, of
    more columns those with the first. Holidays are those of the `holidays` library for 1900 to 2100, kept with the
    pipeline, with the days to the next and since the last one, 30 at most; the weekend is then the country's own. What
    a missing moment becomes is said in `learned`; `<column>_missing` tells it where training rows had some.

    Args:
        pipeline: its name
        country: ISO code for holidays, such as DE or US-NY
        columns: default all
        context: who calls

    Raises:
        BadRequest: a column is not there or holds no moments; there are no holidays for the country.
    """
    from ._build import extend

    arguments = {"country": country, "columns": columns}
    declared, number, changed = extend(context, pipeline, "generate_datetime_features", arguments)
    return step_result(declared, number, changed=changed)


def plan(training: Training, *, country: str | None, columns: list[str] | None) -> Plan:
    """Choose what varies in the training rows."""
    from ._datetimes import Calendar, Moments, known_country, look_up
    from ._training import Plan, nothing_to_do, warn

    chosen = set(training.choose(columns, ["datetime"], what="generate_datetime_features"))
    names = [name for name in training.columns if name in chosen]
    if not names:
        return nothing_to_do(
            "there are no datetime columns at this point of the pipeline; assign_feature_roles(overrides={column: "
            "'datetime'}) reads a column as one"
        )
    code = None if country is None else known_country(country)
    calendar = look_up(code)
    calendars = {name: Calendar(training.frame[name].to_numpy(), *calendar) for name in names}
    wanted = {name: _wanted(calendars[name], holidays=code is not None) for name in names}
    pairs, told = _pairs(calendars)
    made = _named(training, wanted, pairs)
    reasons = {name: _reason(calendars[name], wanted[name], code) for name in names}
    warnings = [finding for name in names for finding in _warnings(name, calendars[name], wanted[name], code)]
    if told:
        warnings.append(warn(told, names[:12], "pairs", len(pairs)))
    warnings += _later(training, names)
    return Plan(parts=[(Moments(made, code), names, False)], reasons=reasons, warnings=warnings)


def _wanted(calendar: Calendar, *, holidays: bool) -> list[str]:
    """Return what of a column varies in the training rows, and is worth having."""
    from ._datetimes import CALENDAR, HOLIDAYS

    present = ~calendar.missing
    if not present.any():
        return []

    def varies(what: str) -> bool:
        values = getattr(calendar, what)[present]
        return bool(values.min() != values.max())

    parts = [what for what in CALENDAR if varies(what)]
    # A wave of which the training rows saw a small part says nothing in the other seasons.
    days = calendar.days[present]
    if days.max() - days.min() < _A_YEAR:
        parts = [what for what in parts if what != "month"]
    year = [] if "month" not in parts else ["dayofyear" if "day" in parts else "month"]
    cycles = year + [what for what in ("weekday", "hour") if what in parts]
    waves = [f"{cycle}_{function}" for cycle in cycles for function in ("sin", "cos")]
    elapsed = ["elapsed_days"] if varies("whole") else []
    free = [what for what in HOLIDAYS if varies(what)] if holidays else []
    return [*parts, *waves, *elapsed, *free, *([] if present.all() else ["missing"])]


def _pairs(calendars: dict[str, Calendar]) -> tuple[list[tuple[str, str]], str]:
    """Return the pairs of columns between which time passes, and what to say about those that were left out."""
    from ._datetimes import between

    names = list(calendars)
    every = list(combinations(names, 2))
    told = ""
    if len(every) > MOST_PAIRS:
        told = f"{len(every):,} pairs are too many: days are counted from {names[0]!r} to each other column only"
        every = [pair for pair in every if pair[0] == names[0]]
    found = []
    for first, second in every:
        both = ~(calendars[first].missing | calendars[second].missing)
        days = between(calendars[first], calendars[second])[both]
        if len(days) and days.min() != days.max():
            found.append((first, second))
    return found, told


def _named(training: Training, wanted: dict[str, list[str]], pairs: Sequence[tuple[str, str]]) -> list[list[str]]:
    taken: list[str] = []
    made = []
    asked = [(f"{name}_{what}", [what, name]) for name, whats in wanted.items() for what in whats]
    asked += [(f"{first}_to_{second}_days", ["between", first, second]) for first, second in pairs]
    for wish, what in asked:
        taken.append(training.free_name(wish, taken))
        made.append([taken[-1], *what])
    return made


def _reason(calendar: Calendar, wanted: Sequence[str], country: str | None) -> str:
    from ._datetimes import CALENDAR

    if calendar.missing.all():
        return "no moments in the training rows: nothing is made of it"
    first, last = _ends(calendar)
    if first == last:
        return f"always {first} in the training rows: made: {'whether it is missing' if wanted else 'nothing'}"
    still = [what for what in CALENDAR if what not in wanted]
    parts = [
        f"{first} to {last} UTC",
        *([f"{', '.join(still)} the same in all rows: not made"] if still else []),
        *([f"{calendar.missing.mean():.1%} missing: flagged"] if calendar.missing.any() else []),
        *([f"holidays of {country}"] if country else []),
    ]
    return "; ".join(parts)


def _ends(calendar: Calendar) -> tuple[str, str]:
    import numpy as np

    present = calendar.whole[~calendar.missing]
    ends = np.array([present.min(), present.max()]).view("datetime64[us]")
    whole_days = not calendar.minute[~calendar.missing].any()
    first, last = (str(end.astype("datetime64[D]" if whole_days else "datetime64[m]")) for end in ends)
    return first.replace("T", " "), last.replace("T", " ")


def _warnings(name: str, calendar: Calendar, wanted: Sequence[str], country: str | None) -> list[Finding]:
    import numpy as np

    from ._training import warn

    if not set(wanted) - {"missing"}:
        return [warn(f"{name!r} {_reason(calendar, wanted, country)}", [name], "constant")]
    warnings = []
    present = ~calendar.missing
    years, days = calendar.year[present], calendar.days[present]
    if days.min() == days.max():
        message = f"all moments of {name!r} are on one day, {_ends(calendar)[0][:10]}: only the time of day differs"
        warnings.append(warn(message, [name], "one_day"))
    middle = int(np.median(years))
    far = np.abs(years - middle) > _FAR_YEARS
    if far.any():
        message = (
            f"{int(far.sum()):,} moments of {name!r} lie more than {_FAR_YEARS} years from its median year {middle} "
            f"(such as {int(years[far][0])}); if such a date stands for 'none', make it missing in the data"
        )
        warnings.append(warn(message, [name], "far_moments", int(far.sum()), "medium"))
    if country is not None and "is_holiday" not in wanted:
        warnings.append(warn(f"no moment of {name!r} is on a holiday of {country}, or all are", [name], "holidays"))
    return warnings


def _later(training: Training, names: Sequence[str]) -> list[Finding]:
    """Name columns that lie in the future of all others: often they are not known yet when one has to predict."""
    import numpy as np

    from ._training import warn

    if len(names) < 2 or training.y is None:
        return []
    moments = training.frame[list(names)].iloc[:_JUDGED].to_numpy()
    complete = moments[~np.isnat(moments).any(axis=1)]
    if not len(complete):
        return []
    order = np.sort(complete, axis=1)
    warnings = []
    for index, name in enumerate(names):
        share = float(((complete[:, index] == order[:, -1]) & (order[:, -1] > order[:, -2])).mean())
        if share >= _ALWAYS:
            often = "all" if share == 1 else "nearly all"
            message = f"{name!r} is later than the other times in {often} rows: is it known in time to predict?"
            warnings.append(warn(message, [name], "later_than_others", round(share, 4)))
    return warnings
