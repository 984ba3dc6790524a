"""The demo table, made once for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def orders() -> ModuleType:
    """`examples/orders.py`, imported as a script of that folder would be."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import orders
    finally:
        sys.path.remove(str(EXAMPLES))
    return orders


@pytest.fixture(scope="session")
def demo(orders: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo table as it is by default."""
    folder = tmp_path_factory.mktemp("demo")
    orders.write(folder)
    return folder
