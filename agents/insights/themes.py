"""What kinds of trouble there are: which findings tell of each, whom it concerns, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OWNER, MODELLER, ANALYST, PIPELINE = "data owner", "modeller", "analyst", "pipeline owner"


@dataclass(frozen=True)
class Theme:
    """A kind of trouble.

    Attributes:
        title: what is the case; the columns follow.
        concerns: who must act or know.
        advice: what to do.
        metrics: the metrics of findings that tell of it.
        actions: only where they come from these; empty: from any.
        lowest: findings of lower severity are not worth an insight.
        most: the severity is no higher than this.
        unless_told: left out for columns that another theme speaks of already.
        of_target: the title names the target, where there is one.
    """

    title: str
    concerns: str
    advice: str
    metrics: frozenset[str]
    actions: frozenset[str] = frozenset()
    lowest: Literal["low", "medium"] = "medium"
    most: Literal["low", "medium", "high"] = "high"
    unless_told: bool = False
    of_target: bool = False


def _theme(title: str, concerns: str, advice: str, *metrics: str, **more: object) -> Theme:
    return Theme(title, concerns, advice, frozenset(metrics), **more)  # type: ignore[arg-type]


_LEAKS = frozenset({"check_leakage", "quality_report"})
_RELATED = frozenset({"find_relationships"})

# In the order in which they are told among others as severe.
THEMES: Mapping[str, Theme] = {
    "leak": _theme(
        "Known only once the target is",
        MODELLER,
        "Ask whether these would be known at the moment of predicting; if not, leave them out of the model.",
        "auc", "skill", "r2", "correlation_ratio", "share_later", "copy", "autocorrelation", "order",
        actions=_LEAKS, of_target=True,
    ),
    "schema": _theme(
        "Not built as expected",
        PIPELINE,
        "Agree on names and types with whoever delivers the table, or map the columns before they are read.",
        "missing_columns", "extra_columns", "type", "renamed_column", "missing_column", "extra_column",
        actions=frozenset({"check_schema_consistency", "quality_report"}), lowest="low",
    ),
    "drift": _theme(
        "Moved since {reference}",
        MODELLER,
        "Find out whether the world or the way of recording changed; refit what was learned on the earlier table.",
        actions=frozenset({"check_drift"}),
    ),
    "missing": _theme(
        "Mostly missing",
        OWNER,
        "Find out whether it is still filled in; else leave it out, or keep a flag of where it is there.",
        "missing_fraction",
    ),
    "disguised": _theme(
        "Placeholders stand for missing values",
        ANALYST,
        "Read them as missing before anything is computed; impute_missing_values does so.",
        "disguised_missing",
    ),
    "duplicates": _theme(
        "The same more than once",
        OWNER,
        "Keep one row of each, or find out what made them twice, before counting, summing or joining.",
        "duplicate_rows", "duplicate_ids", "near_duplicate_rows", "null_ids",
    ),
    "numbers": _theme(
        "Numbers that can hardly be",
        OWNER,
        "Look at these rows, correct or blank the values, and keep a range rule with check_rules.",
        "extreme_values", "negative_values", "outlier_distance", "outlier_rows", "infinite", "infinite_values",
    ),
    "spelling": _theme(
        "One thing written in several ways",
        ANALYST,
        "Map every spelling to the level that is meant before grouping or encoding.",
        "typing_errors", "spelling_variants", "blanks_at_edges",
    ),
    "formats": _theme(
        "Several formats or units in one column",
        PIPELINE,
        "Bring each column to one format and unit before computing with it.",
        "mixed_units", "mixed_formats", "mixed_types", "mixed_offsets",
    ),
    "broken": _theme(
        "Damaged values",
        PIPELINE,
        "Read the file again in the right encoding, or correct the values at their source.",
        "broken_encoding", "broken_values", "unreadable_rows",
    ),
    "copies": _theme(
        "Say the same as another column",
        MODELLER,
        "Keep one of them: the other adds nothing, and makes weights of a linear model arbitrary.",
        "correlation", "identical",
        actions=frozenset({"check_duplicates", "quality_report"}), lowest="low",
    ),
    "constant": _theme(
        "The same value in every row", MODELLER, "Leave it out: it tells nothing.", "constant", lowest="low"
    ),
    "rules": _theme(
        "Nearly a rule, but for a few rows",
        OWNER,
        "Look at the rows that break it; if the rule is meant, correct them and keep it with check_rules(save_as=…).",
        "violations",
        actions=frozenset({"check_rules", "suggest_rules"}), lowest="low", most="medium", unless_told=True,
    ),
    "dependencies": _theme(
        "Rows that contradict the others",
        OWNER,
        "Look at the cells that break the pattern, and correct the wrong one of the two.",
        "dependency_violations",
        actions=_RELATED, lowest="low", most="medium",
    ),
    "why_missing": _theme(
        "Missing for a reason",
        ANALYST,
        "Where it follows from another column it may mean 'not applicable': give it a level of its own.",
        "cramers_v", "rows_missing_together",
        actions=frozenset({"missing_data_analysis"}), lowest="medium", most="low",
    ),
}  # fmt: skip
