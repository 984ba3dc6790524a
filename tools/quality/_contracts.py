"""Contracts: rules kept under a name in the caller's folder of the workspace, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ..context import Context
from ..errors import BadRequest, DataUnreadable, unknown
from ._rules import Rule, as_rules

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_VERSION = 1


def keep_contract(context: Context, name: str, rules: Sequence[Rule], *, overwrite: bool) -> None:
    """Keep rules under a name; to keep the same rules again is no change.

    Raises:
        BadRequest: the name is not legal, or is taken by other rules and `overwrite` is false.
    """
    path = _path(context, name)
    document = {"version": _VERSION, "rules": [rule.model_dump(mode="json") for rule in rules]}
    if path.exists() and not overwrite:
        if [rule.model_dump(mode="json") for rule in load_contract(context, name)] == document["rules"]:
            return
        raise BadRequest(f"contract {name!r} exists with other rules: choose another name, or pass overwrite=true")
    context.workspace.write(path, json.dumps(document, ensure_ascii=False, indent=1).encode())


def load_contract(context: Context, name: str) -> list[Rule]:
    """Return the rules kept under a name.

    Raises:
        BadRequest: there is no such contract; the message names the nearest.
        DataUnreadable: the file is damaged.
    """
    path = _path(context, name)
    try:
        document = json.loads(path.read_bytes())
        rules = document["rules"]
        return as_rules(rules)
    except FileNotFoundError:
        raise unknown("contract", name, contracts(context)) from None
    except (ValueError, KeyError, TypeError, BadRequest) as error:
        raise DataUnreadable(
            f"contract {name!r} is damaged ({type(error).__name__}: {error}); "
            "keep it again with save_as and overwrite=true"
        ) from None


def contracts(context: Context) -> list[str]:
    """Return the names of the caller's contracts, sorted."""
    folder = context.workspace.folder("contracts", context.caller.tenant)
    return sorted(path.name.removesuffix(".json") for path in folder.glob("*.json"))


def _path(context: Context, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"{name[:80]!r} can't be the name of a contract: at most 64 letters, digits, '_', '-' and '.', "
            "the first a letter, digit or '_'"
        )
    return context.workspace.folder("contracts", context.caller.tenant) / f"{name}.json"
