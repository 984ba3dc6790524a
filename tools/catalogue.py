"""The list of what can be done: an action is a plain function, and everything else about it is derived.

A module under `quality/`, `explore/` … defines its action with `@action` over a function whose parameters are
wire types, `Dataset` (a string on the wire) or `Context` (not on the wire at all), and whose docstring is in Google
form: its first line is what a model reads, and `Args:` become the descriptions in the schema.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from .context import Context
from .data.dataset import Dataset
from .errors import BadRequest, nearest, unknown
from .results import Answer
from .schemas import compact_input, compact_output

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__refinery_action__"


@dataclass(frozen=True)
class Traits:
    """What a caller should know before calling.

    Attributes:
        title: the name for people.
        pure: the same arguments over the same data give the same answer, so that it may be kept.
        read_only, idempotent, destructive: MCP's hints of the same names.
        where: `worker` for what computes; `process` for lookups of some milliseconds, during which the server waits.
            An `async` function runs in the server's loop, whatever this says: it waits for others and computes nothing.
        masked: whether what looks personal is hidden in the answer; not where the caller gets back its own words.
        version: raised when the answer of a pure action changes, so that kept answers are not used.
    """

    title: str
    pure: bool = True
    read_only: bool = True
    idempotent: bool = True
    destructive: bool = False
    where: Literal["worker", "process"] = "worker"
    masked: bool = True
    version: int = 1


def action(title: str, **traits: Any) -> Callable[[Function], Function]:
    """Mark a function as an action; the function itself stays as it is, to be called in a notebook.

    Args:
        title: the name for people.
        traits: the other fields of `Traits`.
    """

    def mark(function: Function) -> Function:
        setattr(function, _MARK, Traits(title=title, **traits))
        return function

    return mark


@dataclass(frozen=True, eq=False)
class Action:
    """One thing that can be done, derived from its function."""

    function: Callable[..., Any]
    traits: Traits
    group: str

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def description(self) -> str:
        """The first paragraph of the docstring on one line: what a model reads to choose."""
        return " ".join(inspect.cleandoc(self.function.__doc__ or "").split("\n\n")[0].split())

    @cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters of the function with their annotations resolved, `Context` included."""
        hints = get_type_hints(self.function, include_extras=True)
        signature = inspect.signature(self.function)
        return {name: p.replace(annotation=hints[name]) for name, p in signature.parameters.items()}

    @cached_property
    def waits(self) -> bool:
        """Whether it is an `async` function, which waits for services of the server."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def datasets(self) -> list[str]:
        """The parameters that take a dataset."""
        return [name for name, p in self.parameters.items() if _mentions(p.annotation, Dataset)]

    @cached_property
    def context_parameter(self) -> str | None:
        """The parameter that takes the `Context`, if there is one."""
        return next((name for name, p in self.parameters.items() if p.annotation is Context), None)

    @cached_property
    def result(self) -> type[Answer]:
        """The model that the function returns."""
        model = get_type_hints(self.function)["return"]
        if not (inspect.isclass(model) and issubclass(model, Answer)):
            raise TypeError(f"action {self.name!r} must return an Answer or Result, not {model!r}")
        return model

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The wire arguments as a pydantic model: datasets are strings, and nothing unknown is let in."""
        documented = _documented(self.function.__doc__ or "")
        fields: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name == self.context_parameter:
                continue
            kind = parameter.annotation
            if name in self.datasets:
                kind = str if parameter.default is inspect.Parameter.empty else str | None
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (kind, Field(default, description=documented.get(name)))
        config = ConfigDict(extra="forbid", strict=True)
        return create_model(f"{self.name}_arguments", __config__=config, **fields)

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, without what a model does not need."""
        return compact_input(self.arguments.model_json_schema())

    @cached_property
    def output_schema(self) -> dict[str, Any]:
        """The JSON schema of the result, short: nested records are told by the names of their fields."""
        return compact_output(TypeAdapter(self.result).json_schema(mode="serialization"))

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check wire arguments and return them typed, defaults included.

        Raises:
            BadRequest: an argument is unknown, missing, of the wrong type or out of range.
        """
        try:
            model = self.arguments.model_validate_json(json.dumps(dict(arguments)))
        except ValidationError as error:
            raise BadRequest(self._explain(error)) from None
        except (TypeError, ValueError) as error:
            raise BadRequest(f"{self.name}: the arguments are not JSON: {error}") from None
        return {name: getattr(model, name) for name in type(model).model_fields}

    def _explain(self, error: ValidationError) -> str:
        """Put pydantic's complaints in words that name the bad value and what is allowed."""
        allowed = list(self.arguments.model_fields)
        complaints = []
        for problem in error.errors(include_url=False)[:5]:
            path, seen = ".".join(str(part) for part in problem["loc"]), problem.get("input")
            if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
                complaints.append(str(unknown("argument", path, allowed)))
            elif problem["type"] == "missing":
                choices = self.input_schema["properties"].get(path, {}).get("enum")
                complaints.append(
                    f"argument {path!r} is missing" + (f"; allowed: {', '.join(choices)}" if choices else "")
                )
            elif problem["type"] == "literal_error":
                expected = str(problem.get("ctx", {}).get("expected", ""))
                match = nearest(str(seen), re.findall(r"'([^']*)'", expected))
                meant = f"; did you mean {match!r}?" if match else "."
                complaints.append(f"no {path} {seen!r}{meant} Allowed: {expected}")
            else:
                complaints.append(f"{path}: {problem['msg']}; got {_short(seen)}")
        return f"{self.name}: " + "; ".join(complaints)


class Catalogue:
    """The actions by name; printing it lists them.

    Raises:
        ValueError: two actions have one name.
    """

    def __init__(self, actions: Iterable[Action] = ()) -> None:
        self._actions: dict[str, Action] = {}
        for item in actions:
            if item.name in self._actions:
                other = self._actions[item.name].function.__module__
                raise ValueError(f"two actions are named {item.name!r}: in {other} and {item.function.__module__}")
            self._actions[item.name] = item

    @classmethod
    def from_packages(cls, *packages: ModuleType) -> Catalogue:
        """Collect the actions of every module of the packages; a module without one, or that fails, is an error."""
        return cls(item for package in packages for item in _collect(package))

    def __getitem__(self, name: str) -> Action:
        if name not in self._actions:
            raise unknown("action", name, self._actions)
        return self._actions[name]

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions.values())

    def __contains__(self, name: object) -> bool:
        return name in self._actions

    def __len__(self) -> int:
        return len(self._actions)

    def __add__(self, other: Catalogue) -> Catalogue:
        return Catalogue([*self, *other])

    def only(self, groups: Iterable[str]) -> Catalogue:
        """Return the actions of some groups.

        Raises:
            BadRequest: there is no such group.
        """
        known = sorted({item.group for item in self})
        wanted = list(groups)
        for group in wanted:
            if group not in known:
                raise unknown("agent", group, known)
        return Catalogue(item for item in self if item.group in wanted)

    def __repr__(self) -> str:
        return "\n".join(f"{item.group:10} {item.name:28} {item.description}" for item in self)


def _collect(package: ModuleType) -> Iterator[Action]:
    for module_info in pkgutil.iter_modules(package.__path__):
        if module_info.ispkg or module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        marked = [f for f in vars(module).values() if hasattr(f, _MARK) and f.__module__ == module.__name__]
        if not marked:
            raise TypeError(f"module {module.__name__} defines no action; rename it to start with '_'")
        for function in marked:
            yield action_of(function)


@cache
def action_of(function: Callable[..., Any]) -> Action:
    """Return the action that a marked function defines; its group is the package that the function lives in."""
    return Action(function, getattr(function, _MARK), function.__module__.split(".")[-2])


def _mentions(annotation: Any, kind: type) -> bool:
    """Tell whether an annotation is `kind` or `kind | None`."""
    if get_origin(annotation) in (Union, UnionType):
        return any(part is kind for part in get_args(annotation) if part is not NoneType)
    return annotation is kind


def _documented(docstring: str) -> dict[str, str]:
    """Read the `Args:` section of a docstring in Google form."""
    match = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)+)", inspect.cleandoc(docstring), re.MULTILINE)
    if not match:
        return {}
    entries = re.findall(r"^ {4}(\w+)(?: \([^)]*\))?: (.*(?:\n {5,}.*)*)", match[1], re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
