"""What the store needs to know of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...tools.embedding import DIMENSIONS, MODEL


@dataclass(frozen=True)
class StoreSettings:
    """Where memories are kept, and which model reads them.

    Attributes:
        folder: data folder of the embedded PostgreSQL.
        url: address of a PostgreSQL server instead; empty: the embedded one.
        model, dimensions: of the vectors.
        connections: most that one process holds.
        wait: seconds that a call waits for a connection.
        patience: seconds that it waits for one statement.
    """

    folder: Path
    url: str = field(default="", repr=False)
    model: str = MODEL
    dimensions: int = DIMENSIONS
    connections: int = 8
    wait: float = 10.0
    patience: float = 120.0
