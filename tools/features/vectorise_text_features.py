"""The step that makes numbers of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..catalogue import action
from ..context import Context
from ..errors import BadRequest, LimitExceeded
from ._answers import StepResult, step_result

if TYPE_CHECKING:
    from ..results import Finding
    from ._reader import Kind
    from ._training import Plan, Training

Model = Literal["tfidf", "hashing", "embedding"]

MOST_TERMS, MOST_COMPONENTS = 100_000, 1_000
# Texts of fewer words on average are told apart by their letters, which also tell forms of a word and typing errors.
# Reduced to 30 components these were better at up to 80 words, but take three times as long as words.
_LONG = 30
# With all terms as columns, letters are for names and codes only.
_PROSE = 3
# More different texts than these take minutes to embed.
_MANY_TEXTS = 2_000
# Rows in which the length is looked at.
_LOOKED_AT = 20_000
_KINDS = {"letters": "3 and 4 letters inside words", "words": "words", "pairs": "words and pairs of words"}


@action("Vectorise text features", pure=False, read_only=False)
def vectorise_text_features(
    pipeline: str,
    model: Model = "tfidf",
    max_features: int = 5000,
    components: int | None = 30,
    columns: list[str] | None = None,
    *,
    context: Context,
) -> StepResult:
    """Replace text columns by numbers: TF-IDF, hashed words or embeddings, reduced to components, and length.

    Terms are 3 and 4 letters inside words; of texts of 30 words and more on average, words (and, where all terms become
    columns, words and pairs of words from 3 words on). They are reduced by truncated SVD (latent semantic analysis),
    embeddings by PCA, learned from 20,000 rows at most (embeddings: 2,000). The vocabulary of TF-IDF, which is terms
    of at least two rows, is in the saved pipeline; hashing and embeddings keep no words at all. Embeddings are those of
    all-MiniLM-L6-v2, offline, some 60 texts a second; they understand English best, and a text of more than 256 word
    pieces is the mean of its passages. A missing text is 0 everywhere.

    Args:
        pipeline: its name
        model: embedding is slow
        max_features: most terms
        components: columns each; null for all terms
        columns: text or category
        context: who calls

    Raises:
        BadRequest: a column is not there or holds no texts; a number is out of its range.
        LimitExceeded: without reduction there would be too many columns.
        Unavailable: the packages for embeddings are not installed.
    """
    from ._build import extend

    arguments = {"model": model, "max_features": max_features, "components": components, "columns": columns}
    declared, number, changed = extend(context, pipeline, "vectorise_text_features", arguments)
    return step_result(declared, number, changed=changed)


def plan(
    training: Training, *, model: Model, max_features: int, components: int | None, columns: list[str] | None
) -> Plan:
    """Choose between words and letters, and see that there is something to learn from."""
    from ._texts import Words, fitted_texts
    from ._training import Plan, nothing_to_do

    kinds: list[Kind] = ["text"] if columns is None else ["text", "category"]
    chosen = set(training.choose(columns, kinds, what="vectorise_text_features"))
    if not chosen:
        others = ", ".join(training.of_kind("category")[:6])
        hint = f"; columns can name category columns: {others}" if others else ""
        return nothing_to_do(f"there are no text columns at this point of the pipeline{hint}")
    _check_range("max_features", max_features, MOST_TERMS)
    if components is not None:
        _check_range("components", components, MOST_COMPONENTS)
    _check_size(training, chosen, model, max_features, components)
    if model == "embedding":
        from ..embedding import require_embedding

        require_embedding()
    result = Plan()
    taken: list[str] = []
    for column in (name for name in training.columns if name in chosen):
        texts = fitted_texts(training.frame[column].to_numpy(), model)
        words = sum(len(text.split()) for text in texts) / max(1, len(texts))
        terms = _terms(words, reduced=components is not None)
        stem, length = _names(training, column, model, taken)
        part = Words(column, model, terms, max_features, components, stem, length, training.seed)
        result.parts.append((part, [column], False))
        result.reasons[column] = _reason(training, column, model, terms, words, components)
        result.warnings.extend(_warnings(training, column, model, terms, texts, made=length is not None))
    return result


def _check_range(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise BadRequest(f"{name} is {value:,}, and must be from 1 to {most:,}")


def _terms(words: float, *, reduced: bool) -> str:
    if words < (_LONG if reduced else _PROSE):
        return "letters"
    return "words" if reduced else "pairs"


def _check_size(training: Training, chosen: set[str], model: Model, max_features: int, components: int | None) -> None:
    from ..embedding import DIMENSIONS
    from ._training import MOST_COLUMNS

    width = DIMENSIONS if model == "embedding" else max_features
    width = width if components is None else min(width, components)
    total = len(training.columns) + len(chosen) * width
    if total > MOST_COLUMNS:
        most = max(1, (MOST_COLUMNS - len(training.columns)) // len(chosen))
        raise LimitExceeded(
            f"{len(chosen)} text columns with up to {width:,} columns each would make {total:,} in all, and "
            f"{MOST_COLUMNS:,} is the most. Say components={min(30, most)}, or name fewer columns"
            + ("" if model == "embedding" else f", or max_features={most:,} at most")
        )


def _names(training: Training, column: str, model: Model, taken: list[str]) -> tuple[str, str | None]:
    """Return a stem for numbered names that are all free, and a name for the length, None where that is constant."""
    known = [*training.columns, *taken]
    wishes = (f"{column}_{model}{'' if number == 1 else f'_{number}_'}" for number in range(1, len(known) + 2))
    stem = next(
        wish
        for wish in wishes
        if not any(name.startswith(f"{wish}_") and name[len(wish) + 1 :].isdigit() for name in known)
    )
    taken.append(f"{stem}_1")
    lengths = {0 if text is None else len(text) for text in training.frame[column].iloc[:_LOOKED_AT]}
    if len(lengths) < 2:
        return stem, None
    taken.append(training.free_name(f"{column}_length", taken))
    return stem, taken[-1]


def _reason(training: Training, column: str, model: Model, terms: str, words: float, components: int | None) -> str:
    missing = float(training.frame[column].isna().mean())
    told = {
        "tfidf": f"TF-IDF of {_KINDS[terms]}",
        "hashing": f"hashed {_KINDS[terms]}",
        "embedding": "meaning, by all-MiniLM-L6-v2",
    }[model]
    why = f"{words:.1f} words on average"
    reduced = f"at most {components} components" if components is not None else "not reduced, as asked"
    return f"{told}: {why}; {reduced}" + (f"; {missing:.1%} missing: 0" if missing else "")


def _warnings(
    training: Training, column: str, model: Model, terms: str, texts: list[str], *, made: bool
) -> list[Finding]:
    from ..embedding import TEXTS_PER_SECOND
    from ._texts import has_terms
    from ._training import warn

    if not texts or (model != "embedding" and not has_terms(texts, terms, twice=model == "tfidf")):
        lacking = "no term in two of its texts" if model == "tfidf" else "no words in its texts"
        why = lacking if texts else "no texts"
        left = "only its length is made" if made else "nothing is made"
        return [warn(f"{column!r} has {why} in the training rows: {left} of it", [column], "no_terms")]
    if len(set(texts)) == 1:
        return [warn(f"{column!r} is the same text in all training rows", [column], "constant")]
    different = training.frame[column].nunique() if model == "embedding" else 0
    if different > _MANY_TEXTS:
        seconds = different / TEXTS_PER_SECOND
        time = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:,.0f} minutes"
        message = (
            f"{column!r} has {different:,} different training texts, which take some {time} to embed, now and when "
            "saving; model='tfidf' takes seconds"
        )
        return [warn(message, [column], "slow", different, "medium")]
    return []
