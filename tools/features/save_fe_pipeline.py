"""Writing a pipeline and what it made, for training and for next month's rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..results import Finding, Scanned
from ._answers import PipelineResult
from ._declared import Pipeline, Pipelines, Saved


class SavedFeatures(PipelineResult):
    """Where the files are, and what they were made from."""

    name: str
    pipeline_path: str
    data_path: str
    manifest_path: str
    feature_hash: str
    features: int
    train_rows: int
    test_rows: int
    cross_fitted: list[str] = Field(default_factory=list)
    changed: bool = True

    def headline(self) -> str:
        if not self.changed:
            return f"saved as {self.name!r} already, from the same rows and steps; nothing changed."
        return (
            f"saved as {self.name!r}: {self.features:,} features of {self.train_rows:,} training and "
            f"{self.test_rows:,} test rows; feature_hash {self.feature_hash}."
        )

    def details(self) -> list[str]:
        lines = [f"data: {self.data_path}", f"pipeline: {self.pipeline_path}", f"manifest: {self.manifest_path}"]
        if self.cross_fitted:
            lines.append(f"cross-fitted in training rows: {', '.join(self.cross_fitted[:12])}")
        return lines

    def next_steps(self) -> list[str]:
        return [
            f"apply_fe_pipeline(pipeline={self.name!r}, dataset=…, output=….parquet) for new rows",
            f"in a notebook: from refinery.tools.features import load_pipeline; load_pipeline({self.pipeline_path!r})",
        ]


@action("Save a feature pipeline", pure=False, read_only=False)
def save_fe_pipeline(
    pipeline: str, name: str | None = None, overwrite: bool = False, *, context: Context
) -> SavedFeatures:
    """Save a pipeline: the fitted pipeline, a manifest, and fe_ready.parquet (features, target, split) to train on.

    Args:
        pipeline: its name
        name: of the saved folder; default the same
        overwrite: replace one saved with other rows or steps
        context: whose pipeline, and where it is kept

    Raises:
        BadRequest: some columns are no numbers yet; or the name is taken and `overwrite` is false.
        DataUnreadable: the table changed while it was read.
    """
    from ._build import Builder, open_data, refit, take_survey
    from ._repeating import unmoved
    from ._saving import Saving, check_complete, save

    name = name or pipeline
    pipelines = Pipelines.of(context)
    with pipelines.saving(name), pipelines.changing(pipeline):
        declared = pipelines.get(pipeline)
        check_complete(declared)
        dataset = open_data(context, declared.roles)
        moved = dataset.fingerprint != declared.fingerprint
        if moved:
            declared = refit(context, declared, declared.steps, known=0)
            check_complete(declared)
        with unmoved(dataset, context):
            survey = take_survey(dataset, declared.roles, context)
            builder = Builder(context, declared.roles, dataset, survey)
            saving = Saving(declared, builder.build(declared.steps, len(declared.steps)), dataset, survey)
        link = context.workspace.folder("exports", context.caller.tenant) / name
        manifest, changed = save(saving, link, context, overwrite=overwrite)
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        saved = Saved(folder=str(link), feature_hash=saving.feature_hash, saved_at=stamp)
        pipelines.keep(declared.model_copy(update={"saved": saved}))
    answer = _answer(declared, dataset, link, manifest, saving.holed, changed=changed)
    if moved and dataset.fingerprint:
        message = f"{dataset.name!r} has changed since the roles were assigned: all steps were fitted again on its rows"
        answer.findings.insert(0, Finding(severity="medium", message=message, metric="changed_data"))
    return answer


def _answer(
    declared: Pipeline, dataset: Dataset, link: Path, manifest: dict[str, Any], holed: list[str], *, changed: bool
) -> SavedFeatures:
    from ._saved import DATA, MANIFEST, PIPELINE

    return SavedFeatures(
        dataset=dataset.name,
        scanned=Scanned(rows=dataset.rows, of=dataset.rows),
        findings=_warnings(holed),
        pipeline=declared.name,
        name=link.name,
        pipeline_path=str(link / PIPELINE),
        data_path=str(link / DATA),
        manifest_path=str(link / MANIFEST),
        feature_hash=manifest["feature_hash"],
        features=len(declared.features),
        train_rows=manifest["split"]["train_rows"],
        test_rows=manifest["split"]["test_rows"],
        cross_fitted=manifest["cross_fitted"],
        changed=changed,
    )


def _warnings(holed: list[str]) -> list[Finding]:
    if not holed:
        return []
    shown = ", ".join(holed[:8]) + (f" and {len(holed) - 8} more" if len(holed) > 8 else "")
    message = f"{len(holed)} features hold missing values, which many models refuse: {shown}; impute_missing_values"
    return [Finding(severity="medium", columns=holed, message=message, metric="missing_features", value=len(holed))]
