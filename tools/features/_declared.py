"""Pipelines as they are declared: roles, split and steps as data, kept in the caller's folder of the workspace."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from ..context import Context
from ..errors import BadRequest, DataUnreadable, unknown
from ..locking import locked
from ..results import Finding, Model
from ..workspace import Workspace

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
VERSION = 1
# The column in which training rows carry their rank and fold while steps are fitted.
ROW = "__row__"
# No column of a dataset may be called so: the rows of a step are kept with these.
RESERVED = (ROW, "__target__")

Role = Literal["id", "target", "numeric", "categorical", "datetime", "text", "boolean", "constant", "leaking", "ignore"]
# The roles of columns that a pipeline reads.
READ_ROLES = frozenset({"numeric", "categorical", "datetime", "text", "boolean"})
Task = Literal["binary", "classes", "regression", "none"]


class Split(Model):
    """How rows are parted into train and test."""

    method: Literal["stratified", "random", "time", "group"] = "stratified"
    column: str | None = None
    test_fraction: float = Field(0.2, gt=0, lt=1)
    seed: int = Field(0, ge=0, lt=2**31)


class ColumnRole(Model):
    """What a column is for, how sure that is, and why."""

    column: str
    role: Role
    confidence: float
    reason: str
    cardinality: Literal["low", "high"] | None = None


class Made(Model):
    """A column that a step made: its kind, and the input columns that it comes from."""

    column: str
    kind: str
    sources: list[str]


class Told(Model):
    """What a step did when it was fitted; the preview is of the first training rows."""

    made: list[Made] = Field(default_factory=list)
    dropped: list[str] = Field(default_factory=list)
    reasons: dict[str, str] = Field(default_factory=dict)
    learned: dict[str, Any] = Field(default_factory=dict)
    warnings: list[Finding] = Field(default_factory=list)
    cross_fitted: list[str] = Field(default_factory=list)
    features: list[Made] = Field(default_factory=list)
    rows: int = 0
    of: int = 0
    preview: list[dict[str, Any]] = Field(default_factory=list)


class DeclaredStep(Model):
    """A step as it was asked for, and what it did."""

    action: str
    arguments: dict[str, Any]
    told: Told = Field(default_factory=Told)


class Roles(Model):
    """The first part of a pipeline: what `assign_feature_roles` was asked, and what it found."""

    dataset: str
    target: str | None
    overrides: dict[str, Role]
    split: Split
    task: Task
    roles: list[ColumnRole]
    inputs: list[dict[str, Any]]
    storage: dict[str, str]
    rows: int
    train_rows: int
    test_rows: int
    split_by: str
    split_told: str = ""
    told: Told = Field(default_factory=Told)
    asked: dict[str, Any] = Field(default_factory=dict)


class Saved(Model):
    """Where the pipeline was last saved."""

    folder: str
    feature_hash: str
    saved_at: str


class Pipeline(Model):
    """A pipeline as it is declared."""

    version: int = VERSION
    name: str
    roles: Roles
    fingerprint: str = ""
    steps: list[DeclaredStep] = Field(default_factory=list)
    saved: Saved | None = None

    @property
    def features(self) -> list[Made]:
        """The columns after the last step."""
        return self.last.features

    @property
    def last(self) -> Told:
        """What the last step told."""
        return self.steps[-1].told if self.steps else self.roles.told


@dataclass(frozen=True)
class Pipelines:
    """The declared pipelines of one tenant.

    Attributes:
        folder: where their files lie.
    """

    workspace: Workspace
    tenant: str

    @classmethod
    def of(cls, context: Context) -> Pipelines:
        """Return the caller's."""
        return cls(context.workspace, context.caller.tenant)

    @property
    def folder(self) -> Path:
        return self.workspace.folder("pipelines", self.tenant)

    def names(self) -> list[str]:
        """Return the names, sorted."""
        return sorted(path.name.removesuffix(".json") for path in self.folder.glob("*.json"))

    def find(self, name: str) -> Pipeline | None:
        """Return a pipeline, or None.

        Raises:
            DataUnreadable: its file was damaged or edited into something else.
        """
        try:
            document = json.loads(self._path(name).read_bytes())
            if document.get("version") != VERSION:
                raise ValueError(f"version {document.get('version')!r}")
            return Pipeline.model_validate(document)
        except FileNotFoundError:
            return None
        except (ValueError, ValidationError, AttributeError, RecursionError) as error:
            reason = f"{error.error_count()} fields do not fit" if isinstance(error, ValidationError) else str(error)
            raise DataUnreadable(
                f"the pipeline {name!r} can't be read ({reason[:120]}); its file in the workspace was changed by hand "
                "or by another version: start a new one with assign_feature_roles"
            ) from None

    def find_readable(self, name: str) -> Pipeline | None:
        """Return a pipeline, or None where there is none or its file is damaged."""
        try:
            return self.find(name)
        except DataUnreadable:
            return None

    def get(self, name: str) -> Pipeline:
        """Return a pipeline.

        Raises:
            BadRequest: there is none of that name; the message names the nearest.
        """
        found = self.find(name)
        if found is None:
            names = self.names()
            if not names:
                raise BadRequest(f"no pipeline {name!r}: there are none yet; assign_feature_roles starts one")
            raise unknown("pipeline", name, names)
        return found

    def keep(self, pipeline: Pipeline) -> None:
        """Write a pipeline, whole or not at all."""
        text = pipeline.model_dump_json(indent=1)
        self.workspace.write(self._path(pipeline.name), text.encode())

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """Keep other calls from changing a pipeline meanwhile; they wait."""
        with locked(self._path(name).with_suffix(".lock")):
            yield

    @contextmanager
    def saving(self, name: str) -> Iterator[None]:
        """Keep other calls from saving under a name meanwhile; they wait."""
        self._path(name)
        # No pipeline's name begins with a dot.
        with locked(self.folder / f".saving-{name}.lock"):
            yield

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadRequest(
                f"{name[:80]!r} can't be the name of a pipeline: at most 64 letters, digits, '_', '-' and '.', "
                "the first a letter, digit or '_'"
            )
        return self.folder / f"{name}.json"
