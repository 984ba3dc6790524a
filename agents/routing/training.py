"""Makes the weights of the router from the examples: `python -m refinery.agents.routing.training`."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .classifier import NONE, PROBE
from .columns import WITHOUT, features, texts_of
from .drills import SOURCE, drills
from .examples import HARD, Example, digest, load_examples
from .features import LETTER_BUCKETS, WORD_BUCKETS, Masked, form, hashed, mask
from .joint import MOST_CHOSEN
from .joint_training import Lesson, learn
from .mentions import Mention, mentions
from .reading import Reading, names_of, read
from .relevance import KINDS
from .splitting import split
from .trees import exported
from .words import pieces

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_HERE = Path(__file__).parent
_MEANING, _FORM = 2.0, 0.8
_C = 5.0
_NONE_BIAS = 0.0
# Forests of trees whose scores are averaged.
_SEEDS = 3
# Hard requests are more of the examples than of what people ask.
_OF_HARD = 0.4
# Drills are no requests of people: reading together learns words from them, and nothing else does.
_DRILLS, _OF_DRILLS = 8_000, 0.3

Embed = Callable[[Sequence[str]], "npt.NDArray[np.float32]"]


@dataclass(frozen=True)
class Seen:
    """An example as the router sees it: the first of its requests, read."""

    example: Example
    reading: Reading
    found: list[Mention]
    masked: Masked


def see(example: Example) -> Seen:
    """Read an example as the router would."""
    reading = read(split(example.request)[0], names_of(example.table))
    found = mentions(reading, example.table)
    return Seen(example, reading, found, mask(reading, found, example.table))


def matrix(seen: Sequence[Seen], embed: Embed | None) -> Any:
    """Return the features of examples as a sparse matrix; without `embed` the meanings are left out."""
    import numpy as np
    from scipy import sparse

    parts = []
    if embed is not None:
        parts += [
            _MEANING * embed([one.reading.english for one in seen]),
            _MEANING * embed([one.masked.text for one in seen]),
        ]
    words, letters = (sparse.lil_matrix((len(seen), buckets)) for buckets in (WORD_BUCKETS, LETTER_BUCKETS))
    for row, one in enumerate(seen):
        for target, grams in zip((words, letters), hashed(one.masked, one.reading), strict=True):
            for place, value in grams.items():
                target[row, place] = value
    forms = np.array([form(one.reading, one.masked, one.found, one.example.table) for one in seen])
    return sparse.hstack(
        [*(sparse.csr_matrix(part) for part in parts), words, letters, sparse.csr_matrix(_FORM * forms)]
    ).tocsr()


def weight(example: Example) -> float:
    """Return how much an example counts."""
    return _OF_DRILLS if example.source == SOURCE else _OF_HARD if example.source in HARD else 1.0


def fit(features: Any, labels: Sequence[str], weights: Sequence[float]) -> Any:
    """Fit the linear model."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_C, max_iter=500).fit(features, labels, sample_weight=weights)


def _arrays(kind: str, model: Any, embedded: bool) -> dict[str, Any]:
    import numpy as np

    sizes = [768 if embedded else 0, WORD_BUCKETS, LETTER_BUCKETS]
    meaning, words, letters, forms = np.split(model.coef_, np.cumsum(sizes), axis=1)
    half = {
        "meaning": _MEANING * meaning,
        "words": words,
        "letters": letters,
        "form": _FORM * forms,
        "bias": model.intercept_,
    }
    return {f"{kind}_{part}": weights.astype(np.float16) for part, weights in half.items()}


def weights(examples: Sequence[Example], embed: Embed) -> tuple[bytes, bytes]:
    """Train and return the files `weights.npz` and `joint.npz`."""
    import numpy as np

    seen = [see(example) for example in examples]
    labels = [example.action or NONE for example in examples]
    arrays: dict[str, Any] = {"probe": embed([PROBE])[0].astype(np.float16)}
    classes: list[str] = []
    for kind, embedder in (("full", embed), ("plain", None)):
        model = fit(matrix(seen, embedder), labels, [weight(example) for example in examples])
        classes = [str(name) for name in model.classes_]
        arrays |= _arrays(kind, model, embedder is not None)
    rates, counts = _habits(examples)
    full = facts_of(seen, classes, rates, _vectors(seen, embed))
    for prefix, facts in (("trees", full), ("plain_trees", facts_of(seen, classes, rates, None))):
        arrays |= {f"{prefix}_{name}": array for name, array in _trees(seen, facts).items()}
    about = {
        "classes": classes,
        "none_bias": _NONE_BIAS,
        "digest": digest(),
        "examples": len(examples),
        "rates": rates,
        "counts": counts,
    }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    drilled = [see(drill) for drill in drills(_DRILLS)]
    extra = facts_of(drilled, classes, rates, _vectors(drilled, embed))
    joint = learn([*lessons(seen, classes, full), *lessons(drilled, classes, extra)], len(classes))
    halved: dict[str, Any] = {
        name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in joint.items()
    }
    return _packed(arrays), _packed(halved | {"digest": np.frombuffer(digest().encode(), dtype=np.uint8)})


def _packed(arrays: dict[str, Any]) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def lessons(seen: Sequence[Seen], classes: Sequence[str], facts: Sequence[Any]) -> list[Lesson]:
    """Return the examples as lessons of reading a request together with its table."""
    return [
        Lesson(
            one.reading.english,
            one.example.table.columns,
            one.example.columns,
            classes.index(one.example.action or NONE),
            known,
            weight(one.example),
            drill=one.example.source == SOURCE,
        )
        for one, known in zip(seen, facts, strict=True)
    ]


def _vectors(seen: Sequence[Seen], embed: Embed) -> dict[str, Any]:
    """Embed all that the choice of columns looks at."""
    texts = {text for one in seen for text in (one.reading.english, *texts_of(one.reading, one.example.table))}
    ordered = sorted(texts)
    return dict(zip(ordered, embed(ordered), strict=True))


def _habits(examples: Sequence[Example]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return how often a column of each kind is meant, and how often how many are, by action."""
    meant: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    there: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    sizes: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for one in examples:
        action, counts = one.action or NONE, weight(one)
        for column in one.table.columns:
            there[action][column.kind] += counts
            meant[action][column.kind] += counts * (column.name in one.columns)
        sizes[action][min(len(one.columns), MOST_CHOSEN)] += counts
    rates = {
        action: [round((meant[action][kind] + 0.05) / (there[action][kind] + 1), 4) for kind in KINDS]
        for action in there
    }
    often = {
        action: [
            round((size[k] + 0.3) / (sum(size.values()) + 0.3 * (MOST_CHOSEN + 1)), 4) for k in range(MOST_CHOSEN + 1)
        ]
        for action, size in sizes.items()
    }
    return rates, often


def facts_of(
    seen: Sequence[Seen], classes: Sequence[str], rates: dict[str, list[float]], vectors: dict[str, Any] | None
) -> list[Any]:
    """Return what is known of the columns of each example, as rows; None where its action takes none."""
    return [
        features(one.reading, one.found, one.example.table, one.example.action or NONE, classes, rates, vectors)
        if one.example.action and one.example.action not in WITHOUT
        else None
        for one in seen
    ]


def _trees(seen: Sequence[Seen], facts: Sequence[Any]) -> dict[str, Any]:
    """Fit the choice of columns on the requests that an action answers, and return its arrays."""
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier

    pairs = [(one.example, rows) for one, rows in zip(seen, facts, strict=True) if rows is not None]
    labels = [column.name in example.columns for example, _ in pairs for column in example.table.columns]
    weights = [weight(example) for example, _ in pairs for _ in example.table.columns]
    shape = {"n_estimators": 350, "max_depth": 3, "learning_rate": 0.08, "min_samples_leaf": 10}
    models = [
        GradientBoostingClassifier(**shape, subsample=0.7, max_features=0.3, random_state=seed)
        for seed in range(_SEEDS)
    ]
    together = np.vstack([rows for _, rows in pairs])
    return exported([model.fit(together, labels, sample_weight=weights) for model in models])


def vocabulary(examples: Sequence[Example]) -> str:
    """Return the words of the examples that are spelt right, with how often they are used."""
    uses: Counter[str] = Counter()
    for example in examples:
        foreign = example.source in HARD and example.style == "out_of_scope"  # some are in other languages
        if example.style not in ("misspelt", "other_language") and not foreign:
            uses.update(
                {piece.plain for piece in pieces(example.request) if piece.plain.isascii() and piece.plain.isalpha()}
            )
    return "".join(f"{word}={count}\n" for word, count in sorted(uses.items()))


def main() -> int:
    """Write `vocabulary.txt`, `weights.npz` and `joint.npz` beside this file."""
    from ...tools.embedding import load_embedder
    from .spelling import load_speller

    examples = load_examples()
    (_HERE / "vocabulary.txt").write_text(vocabulary(examples), encoding="utf-8")
    load_speller.cache_clear()
    for name, made in zip(("weights.npz", "joint.npz"), weights(examples, load_embedder().embed), strict=True):
        (_HERE / name).write_bytes(made)
        sys.stdout.write(f"{name}: {len(examples)} examples, {len(made):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
