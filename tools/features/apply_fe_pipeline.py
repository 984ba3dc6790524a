"""The features of new rows, by a saved pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from ..catalogue import action
from ..context import Context
from ..data.dataset import Dataset
from ..errors import BadRequest, NotAllowed, RefineryError, unknown
from ..results import Finding, worst_first
from ._answers import PipelineResult
from ._declared import Pipelines


class AppliedPipeline(PipelineResult):
    """Where the features of the new rows are, in the order of the rows."""

    output: str
    rows: int
    features: int
    feature_hash: str
    preview: list[dict[str, Any]] = Field(default_factory=list)

    def headline(self) -> str:
        return f"{self.features:,} features of {self.rows:,} rows written to {self.output}, in the order of the rows."

    def next_steps(self) -> list[str]:
        if any(finding.metric in {"new_values", "new_gaps"} for finding in self.findings):
            return [
                "check_drift(reference=<the table it was fitted on>, current=<these rows>) tells how far they moved"
            ]
        return []


@action("Apply a feature pipeline", pure=False, read_only=False)
def apply_fe_pipeline(
    pipeline: str, dataset: Dataset, output: str, overwrite: bool = False, *, context: Context
) -> AppliedPipeline:
    """Turn new rows into features with a saved pipeline, and write them as Parquet; a target column is ignored.

    Args:
        pipeline: the name it was saved under
        dataset: new rows: a name, path or URI
        output: a .parquet file under the roots
        overwrite: replace the file
        context: whose pipeline

    Raises:
        BadRequest: there is no such saved pipeline; the rows lack a column or hold another type; the file exists.
        NotAllowed: the file may not be written, or the pipeline file holds unknown types.
    """
    saved = find_saved(context, pipeline)
    if not output.endswith(".parquet"):
        raise BadRequest(f"output {output!r} must end in .parquet, the format that is written")
    from ._applying import apply
    from ._saved import load_current

    found, fitted = load_current(saved)
    path = _writable(context, output, overwrite, [dataset.name, found.manifest["dataset"]["name"]])
    rows, findings = apply(found, fitted, dataset, path, context)
    findings += _stale(context, found.manifest)
    return AppliedPipeline(
        dataset=dataset.name,
        scanned=dataset.everything,
        findings=worst_first(findings),
        pipeline=pipeline,
        output=str(path),
        rows=rows,
        features=len(found.manifest["features"]),
        feature_hash=found.manifest["feature_hash"],
        preview=_preview(path),
    )


def _writable(context: Context, output: str, overwrite: bool, sources: list[str]) -> Path:
    """Return the file to write: no source, and none of a saved pipeline."""
    there = []
    for name in sources:
        try:
            context.opener.resolve(name)
        except RefineryError:
            continue  # what is gone can't be overwritten
        there.append(name)
    path = context.opener.writable(output, overwrite=overwrite, sources=there)
    exports = context.workspace.folder("exports", context.caller.tenant).resolve()
    # A saved pipeline is a link to a folder whose name begins with a dot.
    if path.is_relative_to(exports) and path.parent.relative_to(exports).name.startswith("."):
        raise NotAllowed(f"{output!r} lies in the folder of a saved pipeline, which nothing else is written to")
    return path


def _stale(context: Context, manifest: dict[str, Any]) -> list[Finding]:
    """Say that the pipeline was changed after it had been saved."""
    declared = Pipelines.of(context).find_readable(manifest["name"])
    if declared is None:
        return []
    steps = [{"action": step.action, "arguments": step.arguments} for step in declared.steps]
    if steps == manifest["steps"] and declared.roles.inputs == [
        {key: value for key, value in column.items() if key != "storage"} for column in manifest["inputs"]
    ]:
        return []
    message = f"{manifest['name']!r} has been changed since it was saved; these are the features of the saved version"
    return [Finding(severity="medium", message=message, metric="stale")]


def find_saved(context: Context, pipeline: str) -> Path:
    """Return the folder of a saved pipeline.

    Raises:
        BadRequest: there is none of that name; the message says what to do.
    """
    folder = context.workspace.folder("exports", context.caller.tenant)
    names = sorted(path.parent.name for path in folder.glob("[!.]*/manifest.json"))
    if pipeline in names:
        return folder / pipeline
    pipelines = Pipelines.of(context)
    declared = pipelines.find(pipeline) if pipeline in pipelines.names() else None
    if declared is not None and declared.saved is not None and Path(declared.saved.folder).exists():
        return Path(declared.saved.folder)
    if declared is not None:
        raise BadRequest(f"{pipeline!r} is not saved yet; save_fe_pipeline(pipeline={pipeline!r}) does it")
    raise unknown("saved pipeline", pipeline, names)


def _preview(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names[:8]
        first = next(file.iter_batches(3, columns=names), None)
    rows = first.to_pylist() if first is not None else []
    return [{name: float(f"{value:.4g}") for name, value in row.items()} for row in rows]
