"""A request read together with the columns of its table: MiniLM, trained on for that.

Words and names are looked at in each other's light, as two lists of features cannot. The published network stays as it
is; what was learned is added when it is loaded: to each matrix of its upper layers a difference, kept as whole steps of
a size that each row has for itself. Small heads judge the action, the columns, and how many these are; they are
computed here without torch.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ...tools.embedding import load_encoder, side_by_side
from .phrases import described
from .reading import Reading
from .relevance import KINDS
from .tables import Column, Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WIDTH = 384
# The pieces of words that are read of a request, of a column, and of both together; the network knows 512 places.
LONGEST_REQUEST, LONGEST_COLUMN, LONGEST = 48, 12, 500
START, END = 101, 102
# The layers below stay as they are.
LOWEST = 2
# No more columns are given to an action by one request.
MOST_CHOSEN = 6
# Facts are cut to so many times their spread.
FARTHEST = 5.0
SECONDS = 300.0

Compute = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, eq=False)
class Read:
    """What the network made of a request and a table.

    Attributes:
        request: a vector.
        columns: a vector for each column of the table, as rows.
    """

    request: npt.NDArray[np.float32]
    columns: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Heads:
    """The learned judgement of what was read.

    Attributes:
        weights: matrices and biases by name.
        middle, spread: of each fact of a column, over the examples.
    """

    weights: dict[str, npt.NDArray[np.float32]]
    middle: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]

    def actions(self, read: Read) -> npt.NDArray[np.float32]:
        """Return the logarithm of each action's probability, in the order of the training."""
        return log_softmax(self._linear("act", read.request))

    def columns(self, read: Read, action: int, facts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the log-odds of each column being meant.

        Args:
            action: its place in the order of the training.
            facts: what is known of each column, as rows.
        """
        import numpy as np

        known = np.clip((facts - self.middle) / self.spread, -FARTHEST, FARTHEST)
        count = len(read.columns)
        spread = [np.broadcast_to(row, (count, len(row))) for row in (read.request, self.weights["emb.weight"][action])]
        seen = np.hstack([read.columns, *spread, _gelu(self._linear("fx", known))])
        return np.asarray(self._linear("o", _gelu(self._linear("h", seen)))[:, 0], dtype=np.float32)

    def numbers(self, read: Read, action: int) -> npt.NDArray[np.float32]:
        """Return the logarithm of the probability that none, one, … `MOST_CHOSEN` columns are meant.

        Args:
            action: its place in the order of the training.
        """
        import numpy as np

        return log_softmax(self._linear("n", np.hstack([read.request, self.weights["emb.weight"][action]])))

    def _linear(self, layer: str, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return values @ self.weights[f"{layer}.weight"].T + self.weights[f"{layer}.bias"]


def log_softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the logarithms of the probabilities that scores stand for."""
    import numpy as np

    below = scores - scores.max()
    return np.asarray(below - np.log(np.exp(below).sum()), dtype=np.float32)


def _gelu(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import numpy as np

    inner = np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)
    return np.asarray(0.5 * values * (1 + np.tanh(inner)), dtype=np.float32)


async def read_together(compute: Compute, requests: Sequence[tuple[Reading, Table]]) -> list[Read]:
    """Read requests with their tables.

    Args:
        compute: calls a function of ours where the network may be loaded.

    Raises:
        RefineryError: the network cannot be loaded, or its worker died.
        WorkerDefect: it failed for a reason of ours.
    """
    import numpy as np

    asked = [(reading.english, [spoken(column) for column in table.columns]) for reading, table in requests]
    sent = await compute(vectors_of, seconds=SECONDS, requests=asked)
    rows = np.frombuffer(base64.b64decode(sent), "<f4").reshape(-1, WIDTH)
    ends = np.cumsum([len(columns) + 1 for _, columns in asked])
    return [Read(mine[0], mine[1:]) for mine in np.split(rows, ends[:-1])]


def spoken(column: Column) -> tuple[str, int]:
    """Return a column as it is read: in words, with its kind."""
    return described(column), KINDS.index(column.kind) + 1 if column.kind in KINDS else 2


def vectors_of(requests: list[tuple[str, list[tuple[str, int]]]]) -> str:
    """Read requests with columns, in a worker: the vectors come back as base64 of little-endian 32-bit floats."""
    import numpy as np

    network = load_network()
    rows = side_by_side(lambda asked: network.read(*asked), requests)
    return base64.b64encode(np.vstack(rows).astype("<f4").tobytes()).decode()


@dataclass(frozen=True, eq=False)
class Network:
    """The adapted network, loaded."""

    encoder: Any
    tokenizer: Any

    def read(self, request: str, columns: Sequence[tuple[str, int]]) -> npt.NDArray[np.float32]:
        """Return the vector of the request, then that of each column; many columns are read in several rounds."""
        import numpy as np

        rows: list[npt.NDArray[np.float32]] = []
        start = 0
        while not rows or start < len(columns):
            tokens, kinds, owners = layout(self.pieces, request, columns[start:])
            states = self._states(tokens, kinds)
            owner = np.array(owners)
            if not rows:
                rows.append(states[0])
            count = owner.max() + 1
            rows += [states[owner == place].mean(axis=0) for place in range(count)]
            start += max(count, 1)
        return np.array(rows, dtype=np.float32)

    def pieces(self, text: str) -> list[int]:
        """Return the word pieces of a text, without those that mark its ends."""
        return pieces_of(self.tokenizer, text)

    def _states(self, tokens: list[int], kinds: list[int]) -> npt.NDArray[np.float32]:
        import numpy as np
        import torch

        with torch.inference_mode():
            ids = torch.tensor([tokens])
            states = self.encoder(
                input_ids=ids, token_type_ids=torch.tensor([kinds]), attention_mask=torch.ones_like(ids)
            )
            return np.asarray(states.last_hidden_state[0].numpy(), dtype=np.float32)


def pieces_of(tokenizer: Any, text: str) -> list[int]:
    """Return the word pieces of a text, without those that mark its ends; what is no Unicode becomes a `?`."""
    return list(tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).ids)


def layout(
    pieces: Callable[[str], list[int]], request: str, columns: Sequence[tuple[str, int]]
) -> tuple[list[int], list[int], list[int]]:
    """Lay a request and as many columns as there is room for side by side.

    Returns:
        tokens; the kind that each belongs to, 0 for the request; the column that each belongs to, -1 for the request.
    """
    tokens = [START, *pieces(request)[:LONGEST_REQUEST], END]
    kinds, owners = [0] * len(tokens), [-1] * len(tokens)
    for place, (text, kind) in enumerate(columns):
        mine = [*pieces(text)[:LONGEST_COLUMN], END]
        if len(tokens) + len(mine) > LONGEST:
            break
        tokens += mine
        kinds += [kind] * len(mine)
        owners += [place] * len(mine)
    return tokens, kinds, owners


def _arrays(*prefixes: str) -> dict[str, Any]:
    """Return those arrays of the file that comes with the package whose names begin so."""
    import numpy as np

    data = (files("refinery.agents.routing") / "joint.npz").read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith(prefixes)}


def _floats(*prefixes: str) -> dict[str, Any]:
    import numpy as np

    return {name: array.astype(np.float32) for name, array in _arrays(*prefixes).items()}


def digest_of_joint() -> str:
    """Return the digest of what the file was made from, as `examples.digest` makes it."""
    return bytes(_arrays("digest")["digest"]).decode()


@cache
def load_heads() -> Heads:
    """Read the heads that come with the package, once in a process."""
    weights = {name.removeprefix("head."): array for name, array in _floats("head.").items()}
    return Heads(weights, **_floats("middle", "spread"))


@cache
def load_network() -> Network:
    """Load the published network and add what was learned, once in a process.

    Raises:
        Unavailable: a package is missing, or the network is not the published one.
    """
    import torch

    encoder, tokenizer = load_encoder()
    known = _floats("moved.", "step.", "kinds")
    with torch.no_grad():
        for name, matrix in matrices(encoder):
            moved, step = (torch.from_numpy(known[f"{part}.{name}"]) for part in ("moved", "step"))
            matrix.weight += moved * step[:, None]
        kinds = torch.nn.Embedding(*known["kinds"].shape)
        kinds.weight.copy_(torch.from_numpy(known["kinds"]))
        encoder.embeddings.token_type_embeddings = kinds
    return Network(encoder, tokenizer)


def matrices(encoder: Any) -> list[tuple[str, Any]]:
    """Return the matrices of a BERT that are adapted, by name: those of its upper layers."""
    found = []
    for place, layer in list(enumerate(encoder.encoder.layer))[LOWEST:]:
        own, out = layer.attention.self, layer.attention.output.dense
        parts = {"query": own.query, "key": own.key, "value": own.value, "out": out}
        parts |= {"wide": layer.intermediate.dense, "narrow": layer.output.dense}
        found += [(f"{place}.{part}", matrix) for part, matrix in parts.items()]
    return found
