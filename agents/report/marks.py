"""Writing Markdown in which what comes from data is nothing but text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# What makes markup anywhere in a line. A `_` inside a word makes none, brackets alone make a link, and `@`, `#`
# and `://` do so where names, numbers and addresses in plain text are linked.
_ANYWHERE = re.compile(
    r"[\\`*\[\]<|~$@]|(?<![^\W_])_|_(?![^\W_])|#(?=\w)|:(?=//)|(?<=www)\.|&(?=#?\w+;)", re.IGNORECASE
)
_AT_THE_START = re.compile(r"^([#>+=-]|\d{1,9}(?=[.)](?:\s|$)))")
_PLAIN_CODE = re.compile(r"[\w./:,=-]+(?: [\w./:,=-]+)*")


def escaped(text: str) -> str:
    r"""Return any text on one line, with nothing in it that Markdown would read as markup.

    >>> print(escaped("[x](javascript:alert(1)) | <b> snake_case *a*"))
    \[x\](javascript:alert(1)) \| \<b> snake_case \*a\*
    >>> print(escaped("1. one"))
    1\. one
    """
    line = _ANYWHERE.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
    return _AT_THE_START.sub(lambda found: f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}", line)


def code(text: str) -> str:
    """Return a name as code where it is plain, else as escaped text."""
    return f"`{text}`" if _PLAIN_CODE.fullmatch(text) else escaped(text)


def fenced(text: str, language: str = "text") -> str:
    """Return a block of code that nothing in the text can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose cells are Markdown already."""
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def facts(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a list of named facts."""
    for name, told in pairs:
        yield f"- {escaped(name)}: {code(told)}"
    yield ""
