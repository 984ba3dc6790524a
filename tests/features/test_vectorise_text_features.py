"""Texts as numbers."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from refinery.tools import embedding
from refinery.tools.errors import BadRequest, LimitExceeded, Unavailable
from refinery.tools.features._texts import FITTED_ROWS, Words
from refinery.tools.features._training import Column, Training
from refinery.tools.features.vectorise_text_features import plan
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

LATE = ["the parcel came late", "delivery was late again", "late delivery and a broken parcel", "parcel late"]
FINE = ["the staff were friendly", "friendly staff and a great price", "great price", "a great and friendly shop"]
SETTINGS = {
    "letters": {"analyzer": "char_wb", "ngram_range": (3, 4)},
    "words": {"sublinear_tf": True},
    "pairs": {"sublinear_tf": True, "ngram_range": (1, 2)},
}


def texts(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    words = np.array(["".join(rng.choice(list("abcdefghij"), rng.integers(2, 8))) for _ in range(300)])
    return [" ".join(rng.choice(words, rng.integers(1, 15))) for _ in range(rows)]


def frame(*values):
    return pd.DataFrame({"note": pd.Series(values, dtype=object)})


def fitted(values, **arguments):
    return clone(Words("note", **arguments)).fit(frame(*values), None, None)


def training(**columns):
    kinds = {name: columns.pop(name) for name in list(columns) if isinstance(columns[name], str)}
    table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    known = {name: Column(name, kinds.get(f"{name}_kind", "text"), (name,)) for name in columns}
    return Training(table, known, None, "none", (), len(table), 0)


def planned(table, model="tfidf", max_features=5000, components=30, columns=None):
    return plan(table, model=model, max_features=max_features, components=components, columns=columns)


def names(part):
    return [name for name, _, _ in part.outputs()]


@pytest.mark.parametrize("terms", ["letters", "words", "pairs"])
def test_tfidf_is_scikit_learn_s(terms):
    values = texts()
    part = fitted(values, terms=terms, components=None, max_features=120)
    expected = TfidfVectorizer(min_df=2, max_features=120, **SETTINGS[terms]).fit_transform(values).toarray()
    np.testing.assert_allclose(part.transform(frame(*values)), expected, atol=1e-6)


@pytest.mark.parametrize("terms", ["letters", "words", "pairs"])
def test_hashed_words_are_scikit_learn_s(terms):
    values = texts()
    ways = {name: way for name, way in SETTINGS[terms].items() if name != "sublinear_tf"}
    part = fitted(values, model="hashing", terms=terms, components=None, max_features=64)
    np.testing.assert_allclose(
        part.transform(frame(*values)), HashingVectorizer(n_features=64, **ways).transform(values).toarray(), atol=1e-6
    )


@pytest.mark.parametrize("model", ["tfidf", "hashing"])
def test_terms_are_reduced_as_by_truncated_svd(model):
    values = texts()
    full = fitted(values, model=model, components=None, max_features=150).transform(frame(*values))
    part = fitted(values, model=model, components=6, max_features=150)
    found = part.transform(frame(*values))
    exact = TruncatedSVD(6, algorithm="arpack").fit(full.astype(np.float64))
    assert found.shape == (200, 6)
    lengths = np.linalg.norm(found, axis=0)
    np.testing.assert_allclose(lengths, exact.singular_values_, rtol=0.02)
    kept = (exact.singular_values_**2).sum() / (full.astype(np.float64) ** 2).sum()
    assert part.learned()["note"]["kept"] == pytest.approx(kept, abs=0.02)


def test_components_tell_what_texts_are_about():
    values, about = [*LATE, *FINE] * 5, ([0] * 4 + [1] * 4) * 5
    found = fitted(values, components=2).transform(frame(*values))
    assert LogisticRegression().fit(found, about).score(found, about) == 1


@pytest.mark.parametrize("model", ["tfidf", "hashing"])
@pytest.mark.parametrize("components", [3, None])
def test_a_missing_or_unknown_text_is_zero_everywhere(model, components):
    part = fitted(LATE * 2, model=model, components=components, max_features=50, length="size")
    found = part.transform(frame(None, "", "?!", "late"))
    assert not found[:3, :-1].any()
    assert found[3, :-1].any()
    assert found[:, -1].tolist() == [0, 0, 2, 4]
    unknown = fitted(LATE * 2, components=components).transform(frame("zebra quux"))
    assert not unknown.any()


def test_the_length_is_in_characters():
    part = fitted(LATE, length="note_length")
    assert names(part)[-1] == "note_length"
    assert part.transform(frame("Grüße", "a b", None))[:, -1].tolist() == [5, 3, 0]


def test_terms_of_a_single_row_are_not_kept():
    part = fitted(["call mallory at midnight", "call me at noon", "write me at noon"], components=None)
    assert part.terms_.split("\n") == ["at", "call", "me", "noon"]


def test_no_text_but_the_vocabulary_is_in_the_file(tmp_path):
    values = [f"order {index} of secretname{index}" for index in range(100)]
    skops.io.dump(fitted(values), tmp_path / "part.skops")
    with zipfile.ZipFile(tmp_path / "part.skops") as file:
        whole = b"".join(file.read(name) for name in file.namelist())
    assert b"secretname" not in whole
    assert b"order" in whole


@pytest.mark.parametrize(
    ("values", "arguments", "width"),
    [
        (["aa bb", "aa bb cc", "cc"], {"components": 30}, 3),  # fewer terms than components
        (["aa bb cc dd", "aa bb cc dd ee ee", "bb ee"], {"components": 4}, 3),  # fewer rows than components
        (["same words here"] * 50, {"components": 2}, 1),  # of one rank
        (["aa bb"] * 4, {"components": None, "max_features": 1}, 1),
        ([None, None], {}, 0),
        (["", "  "], {}, 0),
        (["? !", "a b"], {}, 0),
        (["aa", "bb", "cc"], {}, 0),  # no term twice
        (["? !", "a b"], {"model": "hashing"}, 0),
        (["? !", "a b"], {"model": "hashing", "components": None}, 0),
        (["same"] * 3, {"model": "hashing", "max_features": 64}, 1),
        ([None], {"model": "embedding"}, 0),
    ],
)
def test_there_are_as_many_columns_as_there_is_to_tell(values, arguments, width):
    part = fitted(values, **arguments)
    assert part.transform(frame(*values, "aa", None)).shape == (len(values) + 2, width)
    assert len(part.outputs()) == width
    assert np.isfinite(part.transform(frame(*values))).all()


@pytest.mark.parametrize("terms", ["letters", "words", "pairs"])
@pytest.mark.parametrize("model", ["tfidf", "hashing"])
@pytest.mark.parametrize("components", [5, None])
def test_a_row_is_the_same_alone_in_a_batch_and_after_saving(terms, model, components, tmp_path):
    values = [*texts(300), None, "", *texts(50)]
    part = fitted(values, model=model, terms=terms, components=components, max_features=300, length="size")
    together = part.transform(frame(*values))
    alone = np.vstack([part.transform(frame(value)) for value in values])
    assert (together == alone).all()
    skops.io.dump(part, tmp_path / "part.skops")
    types = skops.io.get_untrusted_types(file=tmp_path / "part.skops")
    assert types == ["refinery.tools.features._texts.Words"]
    loaded = skops.io.load(tmp_path / "part.skops", trusted=types)
    assert (loaded.transform(frame(*values)) == together).all()
    assert loaded.outputs() == part.outputs()
    assert together.dtype == np.float32


def test_a_copy_forgets_what_was_learned():
    part = fitted(LATE, components=None)
    part.transform(frame("late"))
    again = clone(part)
    assert not hasattr(again, "terms_")
    refitted = part.fit(frame(*FINE), None, None)
    assert not refitted.transform(frame("late")).any()
    assert refitted.transform(frame("friendly staff")).any()


def test_texts_are_learned_from_the_first_rows_only(monkeypatch):
    monkeypatch.setitem(FITTED_ROWS, "tfidf", 50)
    values = texts(50)
    part = fitted([*values, *["later words"] * 10])
    assert "later" not in part.terms_.split("\n")
    assert part.terms_ == fitted([None, *values]).terms_


PARTS = {
    name: fitted(texts(), components=components, max_features=80, model=model, terms="letters", length="size")
    for name, model, components in [("svd", "tfidf", 4), ("all", "tfidf", None), ("hashed", "hashing", 4)]
}


@settings(max_examples=50)
@given(st.lists(st.none() | st.text(), min_size=1, max_size=8), st.sampled_from(sorted(PARTS)))
def test_any_text_gives_finite_numbers(values, name):
    found = PARTS[name].transform(frame(*values))
    assert np.isfinite(found).all()
    assert found[:, -1].tolist() == [len(value or "") for value in values]


@given(st.lists(st.none() | st.text(max_size=12), min_size=1, max_size=12), st.sampled_from(["words", "letters"]))
def test_any_column_can_be_learned_from(values, terms):
    part = fitted(values, terms=terms, components=3)
    assert np.isfinite(part.transform(frame(*values, "new text", None))).all()


@pytest.fixture
def vectors(monkeypatch):
    """A model of three dimensions that a test can do sums with, in place of the real one."""

    class Counting:
        def __init__(self):
            self.read = []

        def embed(self, values):
            self.read.append(list(values))
            rows = [[len(value), value.count(" "), value.count("e")] for value in values]
            return np.array(rows, dtype=np.float32).reshape(-1, 3)

    model = Counting()
    monkeypatch.setattr(embedding, "load_embedder", lambda: model)
    monkeypatch.setattr(embedding, "DIMENSIONS", 3)
    return model


def test_embeddings_are_reduced_as_by_pca(vectors):
    values = texts(60)
    part = fitted(values, model="embedding", components=2)
    found = part.transform(frame(*values))
    expected = PCA(2, svd_solver="full").fit_transform(vectors.embed(values).astype(np.float64))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)
    alone = np.vstack([part.transform(frame(value)) for value in values])
    assert (found == alone).all()


def test_each_different_text_is_embedded_once_and_a_missing_one_not_at_all(vectors):
    part = fitted(LATE, model="embedding", components=2)
    vectors.read.clear()
    found = part.transform(frame("late", None, "late", " ", "fine"))
    assert vectors.read == [["late", " ", "fine"]]
    assert (found[0] == found[2]).all()
    assert not found[[1, 3]].any()


def test_embeddings_that_are_not_reduced_are_the_model_s(vectors):
    part = fitted(LATE, model="embedding", components=None)
    assert vectors.read == []
    assert part.transform(frame("see the sea", None)).tolist() == [[11, 2, 4], [0, 0, 0]]


def test_embeddings_are_learned_from_fewer_rows(vectors):
    fitted(texts(FITTED_ROWS["embedding"] + 50), model="embedding", components=2)
    assert [len(values) for values in vectors.read] == [FITTED_ROWS["embedding"]]


@pytest.mark.parametrize("components", [30, None])
def test_the_real_model_gives_the_same_alone_in_a_batch_and_after_saving(components, tmp_path):
    part = fitted([*LATE, *FINE] * 2, model="embedding", components=components)
    together = part.transform(frame(*LATE, None, *FINE))
    skops.io.dump(part, tmp_path / "part.skops")
    types = skops.io.get_untrusted_types(file=tmp_path / "part.skops")
    loaded = skops.io.load(tmp_path / "part.skops", trusted=types)
    alone = np.vstack([loaded.transform(frame(value)) for value in [*LATE, None, *FINE]])
    assert (together == alone).all()
    assert together.shape == (9, 7 if components else 384)  # eight texts about their mean leave seven directions


@pytest.mark.parametrize(
    ("words", "components", "expected"),
    [(1, 30, "letters"), (29, 30, "letters"), (30, 30, "words"), (2, None, "letters"), (3, None, "pairs")],
)
def test_terms_are_chosen_by_the_length_of_the_texts(words, components, expected):
    found = planned(training(note=[" ".join(["word"] * words)] * 10), components=components)
    assert found.parts[0][0].terms == expected
    assert f"{words}.0 words on average" in found.reasons["note"]


def test_the_plan_takes_text_columns_and_those_that_are_named():
    table = training(note=LATE, city=["Bonn", "Köln", "Bonn", "Köln"], city_kind="category", other=FINE)
    assert [columns for _, columns, _ in planned(table).parts] == [["note"], ["other"]]
    assert [columns for _, columns, _ in planned(table, columns=["other", "city"]).parts] == [["city"], ["other"]]
    assert not any(kept for _, _, kept in planned(table).parts)
    with pytest.raises(BadRequest, match="no column 'nope'"):
        planned(table, columns=["nope"])


def test_names_never_collide():
    table = training(note=LATE, note_tfidf_1=FINE, note_length=["a", "b", "c", "d"], note_length_kind="category")
    steps = [clone(part).fit(table.frame[columns], None, None) for part, columns, _ in planned(table).parts]
    made = [name for part in steps for name in names(part)]
    assert len({*made, *table.columns}) == len(made) + len(table.columns)
    assert "note_length_2" in made


def test_a_constant_length_is_not_made():
    assert planned(training(code=["ab cd", "ab ce", "ab cd"])).parts[0][0].length is None
    assert planned(training(code=["ab cd", None, "ab cd"])).parts[0][0].length == "code_length"


@pytest.mark.parametrize(
    ("values", "model", "told"),
    [
        ([None, None], "tfidf", "has no texts in the training rows: nothing is made"),
        (["aaaa", "bbbbb"], "tfidf", "no term in two of its texts in the training rows: only its length is made"),
        (["? " * 40, "! " * 50], "hashing", "has no words in its texts"),
        (["the same"] * 4, "tfidf", "is the same text in all training rows"),
    ],
)
def test_a_column_that_tells_little_is_mentioned(values, model, told):
    [finding] = planned(training(note=values), model).warnings
    assert told in finding.message
    assert planned(training(note=[*LATE, *FINE])).warnings == []


def test_how_long_embedding_takes_is_said_beforehand():
    many = [f"text number {number} of them" for number in range(12_000)]
    [finding] = planned(training(note=many), "embedding").warnings
    assert "some 3 minutes" in finding.message  # 12,000 texts at 60 a second
    assert finding.value == 12_000
    assert planned(training(note=many[:10] * 1_000), "embedding").warnings == []


def test_embeddings_without_their_packages_are_refused_before_anything_is_fitted(monkeypatch):
    def missing():
        raise Unavailable("embeddings need torch")

    monkeypatch.setattr(embedding, "require_embedding", missing)
    with pytest.raises(Unavailable, match="embeddings need torch"):
        planned(training(note=LATE), "embedding")
    assert planned(training(note=LATE)).parts


def test_too_many_columns_are_refused_with_what_would_fit():
    table = training(**{f"note{number}": LATE for number in range(5)})
    with pytest.raises(
        LimitExceeded, match=r"25,005 in all, and 20,000 is the most.*components=30.*max_features=3,999"
    ):
        planned(table, components=None)
    assert planned(table, components=None, max_features=3_999).parts
    assert planned(table, components=30).parts


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"components": 0}, "components is 0, and must be from 1 to 1,000"),
        ({"components": 1_001}, "components is 1,001"),
        ({"max_features": -1}, "max_features is -1, and must be from 1 to 100,000"),
        ({"max_features": 100_001}, "max_features is 100,001"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, told):
    with pytest.raises(BadRequest, match=told):
        planned(training(note=LATE), **arguments)


def test_the_same_rows_give_the_same_plan():
    first, second = planned(training(note=LATE)), planned(training(note=LATE))
    assert [part.get_params() for part, _, _ in first.parts] == [part.get_params() for part, _, _ in second.parts]
    assert first.reasons == second.reasons


def test_the_step_replaces_a_column_of_texts(lab):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"note": [f"{text} {number}" for number, text in enumerate(texts(400))], "y": rng.integers(0, 2, 400)}
    )
    table.loc[::9, "note"] = None
    pipeline = lab.start(table)
    result = lab.call("vectorise_text_features", pipeline=pipeline, components=5)
    found = lab.built(pipeline).training
    assert list(found.columns) == [*(f"note_tfidf_{number}" for number in range(1, 6)), "note_length"]
    assert [item.sources for item in result.made] == [["note"]] * 6
    assert np.isfinite(found.numbers(list(found.columns))).all()
    assert not lab.call("vectorise_text_features", pipeline=pipeline, components=5).changed


def test_a_pipeline_without_texts_is_told_so(lab):
    table = pd.DataFrame({"city": ["Bonn", "Köln", "Mainz", "Trier"] * 25, "y": [0, 1, 1, 0, 1] * 20})
    pipeline = lab.start(table)
    result = lab.call("vectorise_text_features", pipeline=pipeline)
    assert "columns can name category columns: city" in result.findings[0].message
    assert (result.made, result.dropped) == ([], [])
