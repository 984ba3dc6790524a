"""What a rule is: one flat record on the wire, checked for what its kind needs, and said in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import CoreSchema

from ..errors import BadRequest, unknown
from ..results import Model
from ._rules_types import parse_type

Bound = int | float | str | None


@dataclass(frozen=True)
class Shape:
    """What a kind of rule takes: how many columns (at least, at most), and which other fields.

    Attributes:
        needs: all of these must be given.
        one_of: at least one of these must be given.
    """

    columns: tuple[int, int | None] = (1, None)
    needs: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    example: str = ""


KINDS: dict[str, Shape] = {
    "not_null": Shape(example='{"kind": "not_null", "columns": ["id"]}'),
    "unique": Shape(example='{"kind": "unique", "columns": ["id"]}'),
    "no_duplicate_rows": Shape((0, 0), example='{"kind": "no_duplicate_rows"}'),
    "range": Shape(one_of=("min", "max"), example='{"kind": "range", "columns": ["age"], "min": 0, "max": 120}'),
    "set": Shape(needs=("values",), example='{"kind": "set", "columns": ["size"], "values": ["S", "M"]}'),
    "pattern": Shape(needs=("pattern",), example='{"kind": "pattern", "columns": ["sku"], "pattern": "^sku-[0-9]+$"}'),
    "type": Shape(needs=("type",), example='{"kind": "type", "columns": ["age"], "type": "integer"}'),
    "row_count": Shape((0, 0), one_of=("min", "max"), example='{"kind": "row_count", "min": 1}'),
    "compare": Shape((2, 2), needs=("op",), example='{"kind": "compare", "columns": ["start", "end"], "op": "<="}'),
    "correlation": Shape(
        (2, 2), one_of=("min", "max"), example='{"kind": "correlation", "columns": ["a", "b"], "min": 0.5}'
    ),
    "expression": Shape(
        (0, None), needs=("expression",), example='{"kind": "expression", "expression": "paid <= total"}'
    ),
}
OPERATORS = ("<", "<=", "=", "!=", ">=", ">")
_SAME = {"==": "=", "<>": "!="}
# Rules about the table as a whole have no rows that break them, and so no tolerance.
WHOLE_TABLE = ("row_count", "correlation")
# What suggest_rules says of a rule besides the rule.
_STANDING = ("support", "rows", "reason", "worth_a_look")
_OPTIONS = ("min", "max", "values", "pattern", "type", "op", "expression")


class Rule(Model):
    """One rule; null values keep every rule but `not_null`, as in SQL."""

    kind: str
    columns: list[str] = Field(default_factory=list)
    min: Bound = None
    max: Bound = None
    values: list[Any] | None = None
    pattern: str | None = None
    type: str | None = None
    op: str | None = None
    expression: str | None = None
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.0

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell of the fields and no more: every model that lists the tools pays for each word."""
        if handler.mode == "serialization":
            return {"type": "object"}
        text, bound = {"type": "string"}, {"type": ["number", "string"]}
        fields = {
            "kind": {"enum": list(KINDS)},
            "columns": {"type": "array", "items": text},
            "min": bound,
            "max": bound,
            "values": {"type": "array", "items": {}},
            "pattern": text,
            "type": text,
            "op": {"enum": list(OPERATORS)},
            "expression": text,
            "tolerance": {"type": "number", "description": "fraction of rows that may break it"},
        }
        return {"type": "object", "properties": fields, "required": ["kind"]}

    @model_validator(mode="before")
    @classmethod
    def _accept_other_spellings(cls, given: Any) -> Any:
        """Take `column`, `mostly` and `op: ==` too, and name an unknown field or kind with its nearest."""
        if not isinstance(given, Mapping):
            return given
        fields = dict(given)
        if isinstance(fields.get("rule"), Mapping) and "kind" not in fields:
            # An item of check_rules' own answer.
            fields = dict(fields["rule"])
        fields = {name: value for name, value in fields.items() if name in cls.model_fields or name not in _STANDING}
        if "column" in fields and "columns" not in fields:
            fields["columns"] = fields.pop("column")
        if isinstance(fields.get("columns"), str):
            fields["columns"] = [fields["columns"]]
        if isinstance(fields.get("mostly"), int | float) and "tolerance" not in fields:
            fields["tolerance"] = round(1 - fields.pop("mostly"), 12)
        if fields.get("op") in _SAME:
            fields["op"] = _SAME[fields["op"]]
        for name in fields:
            if name not in cls.model_fields:
                raise unknown("field", name, cls.model_fields, where=" in a rule")
        if "kind" in fields:
            kind = str(fields["kind"])
            plain = kind.strip().lower().replace("-", "_").replace(" ", "_")
            if plain not in KINDS:
                raise unknown("rule kind", kind, KINDS)
            fields["kind"] = plain
        return fields

    @model_validator(mode="after")
    def _hold_to_its_kind(self) -> Rule:
        """Check the columns and fields that the kind needs.

        Raises:
            BadRequest: something is missing, too much, or of no use to this kind.
        """
        shape = KINDS[self.kind]
        fewest, most = shape.columns
        if len(self.columns) < fewest or (most is not None and len(self.columns) > most):
            wanted = f"exactly {fewest}" if fewest == most else f"at least {fewest}"
            raise self._wrong(f"takes {wanted} column(s), got {self.columns}")
        if len(set(self.columns)) < len(self.columns):
            raise self._wrong(f"names a column twice: {self.columns}")
        given = [name for name in _OPTIONS if getattr(self, name) not in (None, [])]
        for name in shape.needs:
            if name not in given:
                raise self._wrong(f"needs {name!r}")
        if shape.one_of and not set(shape.one_of) & set(given):
            raise self._wrong(f"needs {' or '.join(map(repr, shape.one_of))}")
        for name in given:
            if name not in shape.needs + shape.one_of:
                raise self._wrong(f"does not take {name!r}")
        if self.tolerance and self.kind in WHOLE_TABLE:
            raise self._wrong("is about the whole table and takes no tolerance")
        self._hold_values()
        return self

    def _hold_values(self) -> None:
        if self.op is not None and self.op not in OPERATORS:
            raise self._wrong(f"has no operator {self.op!r}; allowed: {', '.join(OPERATORS)}")
        if self.type is not None:
            parse_type(self.type)
        texts = [self.min, self.max, self.pattern, self.expression, *(self.values or [])]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise self._wrong("holds a NUL character, which no engine takes in a literal")
        if self.kind in WHOLE_TABLE and not all(isinstance(bound, int | float) for bound in self._bounds()):
            raise self._wrong(f"takes numbers for 'min' and 'max', got {self._bounds()}")
        if self.values is not None and all(value is None for value in self.values):
            raise self._wrong("needs a value besides null in 'values'")
        if any(bound != bound for bound in self._bounds()):
            raise self._wrong("takes no NaN as a bound")
        low, high = self.min, self.max
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            raise self._wrong(f"has 'min' {low} above 'max' {high}")

    def _bounds(self) -> list[int | float | str]:
        return [bound for bound in (self.min, self.max) if bound is not None]

    def _wrong(self, what: str) -> BadRequest:
        return BadRequest(f"rule {self.kind!r} {what}. Example: {KINDS[self.kind].example}")

    @model_serializer(mode="wrap")
    def _without_defaults(self, _: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return self.as_given()

    def as_given(self) -> dict[str, Any]:
        """Return the fields that were given, so that the rule can be passed back."""
        fields: dict[str, Any] = {"kind": self.kind}
        if self.columns:
            fields["columns"] = self.columns
        fields.update({name: getattr(self, name) for name in _OPTIONS if getattr(self, name) is not None})
        if self.tolerance:
            fields["tolerance"] = self.tolerance
        return fields

    def __str__(self) -> str:
        """Say the rule in words."""
        names = ", ".join(self.columns)
        words = {
            "not_null": f"{names} not null",
            "unique": f"{names} unique",
            "no_duplicate_rows": "no duplicate rows",
            "set": f"{names} in {_list(self.values or [])}",
            "pattern": f"{names} matches {self.pattern}",
            "type": f"{names} of type {self.type}",
            "compare": f" {self.op} ".join(self.columns),
            "expression": str(self.expression),
        }
        subject = {"range": names, "row_count": "rows", "correlation": f"correlation of {' and '.join(self.columns)}"}
        text = words.get(self.kind) or f"{subject[self.kind]} {_interval(self.min, self.max)}"
        return text + (f" (in all but {self.tolerance:.3%} of rows)" if self.tolerance else "")


def _interval(low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if high is None else f"at most {high}"


def _list(values: list[Any]) -> str:
    shown = ", ".join(str(value) for value in values[:6])
    return f"{{{shown}{f', and {len(values) - 6} more' if len(values) > 6 else ''}}}"


def as_rules(rules: Iterable[Rule | Mapping[str, Any]]) -> list[Rule]:
    """Return rules given as records or as plain mappings (in a notebook, or from a file).

    Raises:
        BadRequest: one of them is not a rule.
    """
    from pydantic import ValidationError

    made = []
    for position, rule in enumerate(rules, start=1):
        try:
            made.append(rule if isinstance(rule, Rule) else Rule.model_validate(rule))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in problem["loc"]) or "rule"
            raise BadRequest(f"rule {position}: {where}: {problem['msg']}; got {problem.get('input')!r:.80}") from None
    return made
