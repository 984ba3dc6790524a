"""JSON as tables: an array of records, one record a line, or an object that wraps such an array."""

# ruff: noqa: S608 (all names and texts in SQL are quoted by `sql`)

from __future__ import annotations

import codecs
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataUnreadable
from .casting import NUMBERS, TEMPORAL, Form, Untyped
from .sql import file_literal, identifier, literal
from .text import plain_text

if TYPE_CHECKING:
    import duckdb

# DuckDB's own limit for one record is 16 MB; an object that wraps a whole table may pass it.
MOST_RECORD_BYTES = 1 << 30
MOST_SEARCHED_BYTES = 256 << 20

# In JSON a number written as text is meant as text; only dates, for which JSON has no type, are typed.
_AS_TEXT = frozenset(
    (
        "varchar",
        "date",
        "timestamp",
        "timestamp with time zone",
        "timestamp_s",
        "timestamp_ms",
        "timestamp_ns",
        "time",
        "uuid",
    )
)
# Read as text first, because a double does not hold all of their digits.
_AS_DIGITS = frozenset(("double", "float", "hugeint", "ubigint", "uhugeint"))


def read_documents(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], folder: Path) -> Untyped:
    """Read JSON or NDJSON files as one query; fields that differ in type between records become text.

    Raises:
        DataUnreadable: a file is empty, damaged, nested too deeply or not JSON; the message names the line.
    """
    with _of_bearable_depth(paths):
        return _read(connection, paths, folder)


def _read(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], folder: Path) -> Untyped:
    import duckdb

    texts = [plain_text(path, folder) for path in paths]
    files = [_unmarked(text.path, folder) for text in texts]
    notes = [f"{path.name}: {note}" for path, text in zip(paths, texts, strict=True) for note in text.notes]
    try:
        try:
            query, forms, found = _records(connection, files)
        except duckdb.InvalidInputException as error:
            if "duplicate key" not in str(error):
                raise
            files = [_rewritten(path, folder) for path in files]
            query, forms, found = _records(connection, files)
            found = [*found, "some records repeat a key; the last value counts"]
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise _malformed(paths, files, error) from error
    encoding = ", ".join(dict.fromkeys(text.encoding for text in texts))
    return Untyped(query, forms, encoding=encoding, notes=(*notes, *found))


@contextmanager
def _of_bearable_depth(paths: Sequence[Path]) -> Iterator[None]:
    """Tell in our words where objects and arrays lie deeper in each other than Python or the engine can follow."""
    import duckdb

    name = repr(paths[0].name) if len(paths) == 1 else f"{paths[0].name!r} or another of the {len(paths)} files"
    try:
        yield
    except (RecursionError, duckdb.BinderException) as error:
        if not isinstance(error, RecursionError) and "expression depth" not in str(error):
            raise
        raise DataUnreadable(
            f"{name} is nested too deeply for a table: objects or arrays lie hundreds of levels inside each other; "
            "write it anew with fewer levels, the inner ones as text"
        ) from error


def _records(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> tuple[str, dict[str, Form], list[str]]:
    query, forms, notes = _query(connection, files)
    # The schema was inferred; this reads every record by it.
    connection.execute(f"SELECT count(COLUMNS(*)) FROM ({query})")
    return query, forms, notes


def _query(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> tuple[str, dict[str, Form], list[str]]:
    plain = connection.sql(_scan(files, {}))
    names, types = list(plain.columns), list(plain.types)
    _check_keys(files, names, types)
    if names == ["json"] and str(types[0]) == "JSON":
        raise DataUnreadable(
            f"{files[0].name!r} holds no records: a table is an array of objects, as in "
            '[{"id": 1}, {"id": 2}], or one object a line'
        )
    if (wrapped := _wrapped(connection, files, names, types)) is not None:
        query = f"SELECT unnest({identifier(wrapped)}, max_depth := 2) FROM ({_scan(files, {})})"
        forms = {name: TEMPORAL for name, dtype in _columns(connection, query) if dtype.id == "varchar"}
        return query, forms, [f"the rows are those of the array {wrapped!r}"]
    forms = {}
    columns: dict[str, str] = {}
    for name, dtype in zip(names, types, strict=True):
        kind = str(dtype.id)
        if kind in _AS_TEXT or kind in _AS_DIGITS:
            forms[name] = TEMPORAL if kind in _AS_TEXT else NUMBERS
            columns[name] = "VARCHAR"
        else:
            columns[name] = str(dtype)
    if any(_made_up(name, names) for name in names):
        # These are no keys of the file, so the file can't be read by them.
        mixed = [n for n, dtype in zip(names, types, strict=True) if str(dtype) == "JSON"]
        texts = ", ".join(f"{identifier(name)} ->> '$' AS {identifier(name)}" for name in mixed)
        return f"SELECT * {f'REPLACE ({texts})' if mixed else ''} FROM ({_scan(files, {})})", {}, []
    query = _scan(files, columns)
    digits = [name for name, form in forms.items() if form == NUMBERS]
    if digits:
        missing = ", ".join(f"NULLIF({identifier(name)}, 'NaN') AS {identifier(name)}" for name in digits)
        query = f"SELECT * REPLACE ({missing}) FROM ({query})"
    return query, forms, []


def _check_keys(files: Sequence[Path], names: Sequence[str], types: Sequence[Any]) -> None:
    """Refuse keys that SQL can't name, at any depth."""
    for name, dtype in zip(names, types, strict=True):
        if "\0" in name or "\0" in str(dtype):
            where = f"the key {name!r}" if "\0" in name else f"a key inside {name!r}"
            raise DataUnreadable(
                f"{files[0].name!r} can't be read as a table: {where} holds a NUL character (\\u0000), "
                "which no column's name may; rename the key"
            )


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[str, Any]]:
    relation = connection.sql(query)
    return zip(relation.columns, relation.types, strict=True)


def _made_up(name: str, names: Sequence[str]) -> bool:
    """Tell whether DuckDB may have changed a name, for an empty key or one that differs from another by case alone."""
    base, _, number = name.rpartition("_")
    return bool(re.fullmatch(r"C\d+", name)) or (
        number.isdigit() and base.casefold() in {other.casefold() for other in names}
    )


def _scan(files: Sequence[Path], columns: dict[str, str]) -> str:
    given = (
        f"columns = {{{', '.join(f'{literal(name)}: {literal(kind)}' for name, kind in columns.items())}}}, "
        if columns
        else ""
    )
    return (
        f"SELECT * FROM read_json([{', '.join(map(file_literal, files))}], {given}"
        f"sample_size = -1, union_by_name = {'false' if columns else 'true'}, map_inference_threshold = -1, "
        f"field_appearance_threshold = 0, compression = 'uncompressed', maximum_object_size = {_largest(files)})"
    )


def _largest(files: Sequence[Path]) -> int:
    """Return a limit for one record: DuckDB's own unless a file may be one object around a table."""
    limit = 16 << 20
    for path in files:
        with path.open("rb") as file:
            wrapped = file.read(1 << 10).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
        if wrapped and _first_line_is_long(path):
            limit = max(limit, min(path.stat().st_size + 1, MOST_RECORD_BYTES))
    return limit


def _first_line_is_long(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    return len(first) >= 1 << 20 or not first.rstrip().endswith(b"}")


def _wrapped(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], names: Sequence[str], types: Sequence[Any]
) -> str | None:
    """Return the one field that holds the table, where each file is a single object around an array of records."""
    lists = [n for n, t in zip(names, types, strict=True) if t.id == "list" and t.children[0][1].id == "struct"]
    if len(lists) != 1 or names == ["json"]:
        return None
    rows = connection.execute(f"SELECT count(*) FROM ({_scan(files, {})})").fetchone()
    return lists[0] if rows and rows[0] == len(files) else None


def _unmarked(path: Path, folder: Path) -> Path:
    """Return a file without a byte-order mark, before which the engine sees no array."""
    with path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            return path
        target = folder / f"{path.name}.{len(list(folder.iterdir()))}.unmarked"
        with target.open("wb") as out:
            shutil.copyfileobj(file, out)
    return target


def _rewritten(path: Path, folder: Path) -> Path:
    """Write the records anew by Python's reader, which takes what DuckDB's does not."""
    target = folder / f"{path.name}.{len(list(folder.iterdir()))}.ndjson"
    with target.open("w", encoding="utf-8") as out:
        for value in _values(path.read_text(encoding="utf-8-sig")):
            for record in value if isinstance(value, list) else [value]:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return target


def _values(text: str) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(), 0
    while (position := _solid(text, position)) < len(text):
        value, position = decoder.raw_decode(text, position)
        yield value


def _solid(text: str, position: int) -> int:
    found = re.compile(r"\S").search(text, position)
    return found.start() if found else len(text)


def _malformed(paths: Sequence[Path], files: Sequence[Path], error: Exception) -> DataUnreadable:
    """Build the error for what is not JSON: which file, which line, and what is wrong there."""
    advice = "mend that place, or write the file anew from its source"
    for path, file in zip(paths, files, strict=True):
        if file.stat().st_size <= MOST_SEARCHED_BYTES and (place := _place(file)):
            return DataUnreadable(f"{path.name!r} is not valid JSON: {place}; {advice}")
    said = re.sub(r"\s+", " ", str(error).split("\n", 1)[0].removeprefix("Invalid Input Error: "))
    for path, file in zip(paths, files, strict=True):
        said = said.replace(str(file), path.name)
    return DataUnreadable(f"{paths[0].name!r} can't be read as JSON: {said}; {advice}")


def _place(path: Path) -> str | None:
    text = path.read_text(encoding="utf-8-sig")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    try:
        by_line = isinstance(json.loads(lines[0][1]), dict) and len(lines) > 1
    except json.JSONDecodeError:
        by_line = False
    try:
        if by_line:
            for number, line in lines:
                try:
                    json.loads(line)
                except json.JSONDecodeError as error:
                    return f"line {number}, column {error.colno}: {error.msg}"
        else:
            for _ in _values(text):
                pass
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return None
