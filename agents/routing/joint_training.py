"""Learns to read requests together with tables: MiniLM is trained on, and what changed is kept in few bits."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from ...tools.embedding import load_encoder
from .joint import FARTHEST, MOST_CHOSEN, WIDTH, layout, matrices, pieces_of, spoken
from .relevance import KINDS
from .tables import Column

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# What a row of a matrix changed by most is so many steps.
_STEPS = 7
_ROUNDS, _AT_ONCE, _CHUNK = 4, 16, 20
_RATE, _RATE_OF_HEADS, _WARMING = 1.5e-4, 1e-3, 0.06
# So many examples are seen with columns left out, and with columns in another order: no place is to be learned.
_VARIED, _FEWEST = 0.7, 0.15
_ACTION_COUNTS, _NUMBER_COUNTS, _SMOOTHED = 0.5, 0.5, 0.05
_DROPPED = 0.1
_FACTS, _ACTION, _HIDDEN = 96, 64, 128

Pieces = Callable[[str], list[int]]


@dataclass(frozen=True)
class Lesson:
    """A request with a table and what is right.

    Attributes:
        action: its place among the classes.
        facts: what is known of each column, as rows; None where its action takes none.
        drill: its action is given, and not to be learned from it.
    """

    request: str
    columns: tuple[Column, ...]
    meant: frozenset[str]
    action: int
    facts: npt.NDArray[np.float32] | None
    weight: float
    drill: bool = False


def learn(lessons: Sequence[Lesson], classes: int, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
    """Train on lessons and return the arrays of `joint.npz`, by name."""
    import numpy as np
    import torch
    from torch import nn

    random.seed(seed)
    torch.manual_seed(seed)
    known = np.vstack([one.facts for one in lessons if one.facts is not None])
    middle, spread = known.mean(axis=0), known.std(axis=0) + 1e-3
    encoder, tokenizer = load_encoder()
    before = {name: matrix.weight.detach().clone() for name, matrix in matrices(encoder)}
    learned = _thawed(encoder)
    sizes = {
        "act": (WIDTH, classes),
        "fx": (known.shape[1], _FACTS),
        "h": (2 * WIDTH + _ACTION + _FACTS, _HIDDEN),
        "o": (_HIDDEN, 1),
        "n": (WIDTH + _ACTION, MOST_CHOSEN + 1),
    }
    heads = nn.ModuleDict({name: nn.Linear(*size) for name, size in sizes.items()})
    heads["emb"] = nn.Embedding(classes, _ACTION)
    groups = [{"params": learned, "lr": _RATE}, {"params": list(heads.parameters()), "lr": _RATE_OF_HEADS}]
    steps = _ROUNDS * math.ceil(len(lessons) / _AT_ONCE)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / (_WARMING * steps)) * max(0.0, (steps - step) / steps)
    )
    pieces = cache(partial(pieces_of, tokenizer))
    every = [*learned, *heads.parameters()]
    for _ in range(_ROUNDS):
        for batch in _batches(lessons, pieces):
            loss = _loss(encoder, heads, [_varied(one) for one in batch], pieces, (middle, spread))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(every, 1.0)
            optimizer.step()
            schedule.step()
    return _exported(encoder, before, heads) | {
        "middle": middle.astype(np.float32),
        "spread": spread.astype(np.float32),
    }


def _thawed(encoder: Any) -> list[Any]:
    """Freeze a network but for its upper matrices and the kinds of columns; return what is learned."""
    import torch
    from torch import nn

    encoder.set_attn_implementation("eager")
    encoder.requires_grad_(requires_grad=False)
    learned = [matrix.weight.requires_grad_() for _, matrix in matrices(encoder)]
    old = encoder.embeddings.token_type_embeddings.weight.detach()
    kinds = nn.Embedding(len(KINDS) + 1, WIDTH)
    kinds.weight.data = torch.cat([old[:1], old[1:].repeat(len(KINDS), 1)])
    kinds.weight.data += 0.005 * torch.randn_like(kinds.weight)
    encoder.embeddings.token_type_embeddings = kinds
    return [*learned, kinds.weight]


def _batches(lessons: Sequence[Lesson], pieces: Pieces) -> list[list[Lesson]]:
    """Return the lessons in a new order, in batches of about the same length."""
    order = random.sample(lessons, len(lessons))
    found: list[list[Lesson]] = []
    for start in range(0, len(order), _AT_ONCE * _CHUNK):
        chunk = sorted(order[start : start + _AT_ONCE * _CHUNK], key=lambda one: len(_laid(one, pieces)[0]))
        batches = [chunk[first : first + _AT_ONCE] for first in range(0, len(chunk), _AT_ONCE)]
        found += random.sample(batches, len(batches))
    return found


def _varied(lesson: Lesson) -> Lesson:
    places = list(range(len(lesson.columns)))
    if random.random() < _VARIED:
        kept = random.uniform(_FEWEST, 1)
        places = [place for place in places if lesson.columns[place].name in lesson.meant or random.random() < kept]
    if random.random() < _VARIED:
        random.shuffle(places)
    facts = None if lesson.facts is None else lesson.facts[places]
    columns = tuple(lesson.columns[place] for place in places)
    return replace(lesson, columns=columns, facts=facts)


def _laid(lesson: Lesson, pieces: Pieces) -> tuple[list[int], list[int], list[int]]:
    return layout(pieces, lesson.request, [spoken(column) for column in lesson.columns])


def _loss(encoder: Any, heads: Any, batch: Sequence[Lesson], pieces: Pieces, scale: tuple[Any, Any]) -> Any:
    import torch
    from torch.nn import functional

    laid = [_laid(one, pieces) for one in batch]
    most = max(max(len(one.columns) for one in batch), 1)
    actions = torch.tensor([one.action for one in batch])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        columns, chosen, counted = scores(encoder, heads, laid, actions, _facts(batch, most, scale), dropped=_DROPPED)
    meant, there = torch.zeros(len(batch), most), torch.zeros(len(batch), most)
    for row, one in enumerate(batch):
        meant[row, : len(one.columns)] = torch.tensor([float(column.name in one.meant) for column in one.columns])
        there[row, : len(one.columns)] = float(one.facts is not None)
    weights = torch.tensor([math.sqrt(one.weight) for one in batch])
    of_columns = functional.binary_cross_entropy_with_logits(columns.float(), meant, reduction="none") * there
    of_actions = functional.cross_entropy(chosen.float(), actions, reduction="none", label_smoothing=_SMOOTHED)
    numbers = torch.tensor([min(len(one.meant), MOST_CHOSEN) for one in batch])
    of_numbers = functional.cross_entropy(counted.float(), numbers, reduction="none", label_smoothing=_SMOOTHED)
    asked = torch.tensor([float(not one.drill) for one in batch])
    loss = of_columns.sum(1) + _ACTION_COUNTS * of_actions * asked + _NUMBER_COUNTS * of_numbers * there[:, 0]
    return (loss * weights).mean()


def scores(
    encoder: Any, heads: Any, laid: Sequence[Any], actions: Any, facts: Any, *, dropped: float
) -> tuple[Any, Any, Any]:
    """Return the log-odds of columns, the scores of actions, and those of how many columns are meant, for a batch.

    Args:
        heads: the layers by name, as `joint.Heads` computes them.
        laid: what `layout` made of each request.
        actions: the place of each request's action.
        facts: of each request and column, cut to `FARTHEST`.
        dropped: the share of values that are left out at random.
    """
    import torch
    from torch.nn import functional

    tokens, kinds, owners = (_padded([one[part] for one in laid], filler) for part, filler in ((0, 0), (1, 0), (2, -1)))
    states = encoder(input_ids=tokens, token_type_ids=kinds, attention_mask=(tokens != 0).long()).last_hidden_state
    most = facts.shape[1]
    mine = (owners[:, None, :] == torch.arange(most)[None, :, None]).to(states.dtype)
    columns = (mine / mine.sum(-1, keepdim=True).clamp(min=1)) @ states
    request = states[:, 0]

    def drop(values: Any) -> Any:
        return functional.dropout(values, dropped)

    known = functional.gelu(heads["fx"](facts), approximate="tanh")
    action = heads["emb"](actions)
    parts = [columns, *(one[:, None].expand(-1, most, -1) for one in (request, action))]
    seen = drop(torch.cat([*parts, known], -1))
    hidden = functional.gelu(heads["h"](seen), approximate="tanh")
    counted = heads["n"](drop(torch.cat([request, action], -1)))
    return heads["o"](hidden).squeeze(-1), heads["act"](drop(request)), counted


def _facts(batch: Sequence[Lesson], most: int, scale: tuple[Any, Any]) -> Any:
    import numpy as np
    import torch

    middle, spread = scale
    found = np.zeros((len(batch), most, len(middle)), dtype=np.float32)
    for row, one in enumerate(batch):
        if one.facts is not None:
            found[row, : len(one.columns)] = np.clip((one.facts - middle) / spread, -FARTHEST, FARTHEST)
    return torch.from_numpy(found)


def _padded(rows: Sequence[list[int]], filler: int) -> Any:
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])


def _exported(encoder: Any, before: dict[str, Any], heads: Any) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {"kinds": encoder.embeddings.token_type_embeddings.weight.detach().numpy()}
    for name, matrix in matrices(encoder):
        found[f"moved.{name}"], found[f"step.{name}"] = in_steps(matrix.weight.detach() - before[name])
    return found | {f"head.{name}": array.detach().numpy() for name, array in heads.named_parameters()}


def in_steps(change: Any) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float16]]:
    """Return the change of a matrix as whole steps, and the size of a step for each row.

    Args:
        change: a tensor of two dimensions; a row that did not change has steps of 0.
    """
    import numpy as np

    step = (change.abs().amax(dim=1) / _STEPS).numpy().astype(np.float16)
    size = step.astype(np.float32)[:, None]
    whole = np.divide(change.numpy(), size, out=np.zeros(tuple(change.shape), dtype=np.float32), where=size > 0)
    return np.rint(whole).astype(np.int8), step
