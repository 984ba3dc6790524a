"""New rows through a saved pipeline: checked against the input schema, in batches, to a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..context import Context
from ..data.dataset import Dataset
from ..data.unfinished import remove_unfinished, sweep_unfinished, unfinished_prefix
from ..errors import BadRequest, nearest
from ..results import Finding
from ._novelty import Novelty
from ._saved import SavedPipeline
from ._saving import features_table
from ._survey import BATCH_CELLS, batches
from ._training import warn
from ._unreadable import Unreadable, family

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    from sklearn.pipeline import Pipeline


@dataclass(eq=False)
class Conformity:
    """How columns and types of new rows differ from those that a pipeline was fitted on."""

    saved: SavedPipeline
    dataset: Dataset
    findings: list[Finding] = field(default_factory=list)

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The declarations of the input columns that are needed and there."""
        needed = set(self.saved.manifest["needed"])
        return [column for column in self.saved.manifest["inputs"] if column["name"] in needed]

    def check(self) -> None:
        """Compare columns and types.

        Raises:
            BadRequest: a needed column is missing, or of a type that can't be read as its kind.
        """
        present = set(self.dataset.columns)
        missing = [column["name"] for column in self.inputs if column["name"] not in present]
        if missing:
            raise self._absent(missing)
        wrong = [told for column in self.inputs if (told := _mismatch(column, self.dataset.schema[column["name"]]))]
        if wrong:
            raise BadRequest(f"{self.dataset.name!r} does not fit the pipeline: {'; '.join(wrong[:5])}")
        self._note_columns(present)

    def _absent(self, missing: list[str]) -> BadRequest:
        extra = [name for name in self.dataset.columns if name not in {c["name"] for c in self.inputs}]
        told = []
        for name in missing[:5]:
            match = nearest(name, extra)
            told.append(f"{name!r}" + (f" (is {match!r} the same under another name?)" if match else ""))
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return BadRequest(
            f"{self.dataset.name!r} lacks {_columns(len(missing))} that the features come from: "
            f"{', '.join(told)}{more}. New in it: {', '.join(extra[:12]) or 'none'}"
        )

    def _note_columns(self, present: set[str]) -> None:
        known = {column["name"] for column in self.saved.manifest["inputs"]}
        target = self.saved.manifest["target"]
        roles = {role["column"] for role in self.saved.manifest["roles"]}
        if target in present:
            self.findings.append(warn(f"the target {target!r} is there and was ignored", [target], "ignored"))
        extra = sorted(present - known - roles)
        if extra:
            shown = ", ".join(extra[:8]) + (" …" if len(extra) > 8 else "")
            message = f"{_columns(len(extra))} not known to the pipeline and ignored: {shown}"
            self.findings.append(warn(message, extra, "extra_columns"))
        for column in self.inputs:
            actual = str(self.dataset.schema[column["name"]])
            if family(actual) != family(column["storage"]):
                message = f"{column['name']!r} was {column['storage']} and is {actual}; it was read as {column['kind']}"
                self.findings.append(warn(message, [column["name"]], "type", actual))


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _mismatch(column: dict[str, Any], dtype: dt.DataType) -> str | None:
    """Say why a type can't be read as the kind of a column, or None."""
    name, kind, held = column["name"], column["kind"], family(str(dtype))
    readable = {
        "number": {"number", "boolean", "text", "null"},
        "flag": {"number", "boolean", "text", "null"},
        "datetime": {"moment", "text", "null"},
        "category": {"number", "boolean", "text", "moment", "null"},
        "text": {"number", "boolean", "text", "moment", "null"},
    }
    if held in readable[kind] or held == family(column["storage"]):
        return None
    return f"{name!r} is of type {dtype}, and was {column['storage']} ({kind}) when the pipeline was fitted"


def apply(
    saved: SavedPipeline, pipeline: Pipeline, dataset: Dataset, path: Path, context: Context
) -> tuple[int, list[Finding]]:
    """Write the features of new rows, in their order; all of them, or nothing.

    Returns:
        how many rows were written, and what differed from the rows that the pipeline was fitted on.

    Raises:
        BadRequest: the rows do not fit the pipeline.
    """
    import pyarrow.parquet as pq

    rows = Conformity(saved, dataset)
    rows.check()
    unreadable = Unreadable(rows.inputs, dataset.schema)
    names = [column["name"] for column in rows.inputs]
    # What no feature depends on is not read, and so says nothing.
    novelty = Novelty({name: told for name, told in saved.manifest.get("seen", {}).items() if name in names})
    remove_unfinished(path.parent, _pid())
    sweep_unfinished(path.parent)
    unfinished = path.with_name(f"{unfinished_prefix()}{path.name}")
    done, writer = 0, None
    try:
        for frame in _frames(dataset, names, len(saved.manifest["features"])):
            table = pipeline.steps[0][1].transform(frame)
            unreadable.count(frame, table)
            novelty.count(table)
            made = features_table(pipeline[1:].transform(table))
            writer = writer or pq.ParquetWriter(unfinished, made.schema, compression="zstd")
            writer.write_table(made.cast(writer.schema))
            done += len(frame)
            context.progress(done, None, "transforming rows")
        rows.findings += unreadable.judge(saved.manifest.get("unreadable", {}))
        if writer is not None:
            writer.close()
            unfinished.replace(path)
    finally:
        if writer is not None:
            writer.close()
        unfinished.unlink(missing_ok=True)
    return done, [*rows.findings, *novelty.findings()]


def _frames(dataset: Dataset, names: Sequence[str], features: int) -> Iterator[pd.DataFrame]:
    """Yield batches small enough for what is made of them; a table without rows is one batch without rows."""
    most = max(500, BATCH_CELLS // max(1, features))
    any_rows = False
    for table in batches(dataset, names or dataset.columns[:1]):
        for start in range(0, table.num_rows, most):
            any_rows = True
            yield table.slice(start, most).to_pandas(types_mapper=pd.ArrowDtype)
    if not any_rows:
        yield dataset.table.select(*names).limit(0).to_pyarrow().to_pandas(types_mapper=pd.ArrowDtype)


def _pid() -> int:
    import os

    return os.getpid()
