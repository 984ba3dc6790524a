from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from refinery.tools.data.dataset import Dataset
from refinery.tools.data.opening import open_dataset
from refinery.tools.errors import BadRequest
from refinery.tools.explore import _association_columns
from refinery.tools.explore._association_measures import (
    binned,
    correlation_ratio,
    correlations,
    cramers_v,
    mutual_information,
)
from refinery.tools.explore.find_relationships import Pair, Relationships, find_relationships

ROWS = 4_000


def shapes() -> pa.Table:
    generator = np.random.default_rng(0)
    x = generator.normal(size=ROWS)
    return pa.table(
        {
            "x": x,
            "linear": 2 * x + generator.normal(size=ROWS),
            "rising": np.exp(4 * x),
            "square": x**2 + generator.normal(size=ROWS) * 0.1,
            "level": np.where(x > 1, "high", np.where(x < -1, "low", "middle")),
            "noise": generator.normal(size=ROWS),
            "colour": generator.choice(["red", "green", "blue"], ROWS),
        }
    )


def pair(result: Relationships, left: str, right: str) -> Pair:
    return next(item for item in result.pairs if {item.left, item.right} == {left, right})


def test_each_shape_is_found_by_the_measure_that_sees_it() -> None:
    result = find_relationships(open_dataset(shapes()))
    frame = shapes().to_pandas()
    linear = pair(result, "x", "linear")
    assert (linear.measure, linear.rows) == ("pearson", ROWS)
    assert linear.value == pytest.approx(frame["x"].corr(frame["linear"]), abs=1e-3)
    rising = pair(result, "x", "rising")
    assert (rising.measure, rising.value) == ("spearman", pytest.approx(1, abs=1e-6))
    assert pair(result, "x", "square").measure == "mutual_information"
    assert pair(result, "x", "level").measure == "correlation_ratio"
    assert not any({"noise", "colour"} & {item.left, item.right} for item in result.pairs)
    strengths = [abs(item.value) for item in result.pairs]
    assert strengths == sorted(strengths, reverse=True)
    assert result.compared == 21


@pytest.mark.parametrize("rows", [60, 1_000, 10_000])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_columns_are_never_related(rows: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    table = {f"n{i}": generator.normal(size=rows) for i in range(8)}
    table |= {f"c{i}": generator.choice(list("abcdefgh"), rows) for i in range(6)}
    table |= {f"h{i}": [f"v{k}" for k in generator.integers(0, max(3, rows // 4), rows)] for i in range(2)}
    table |= {f"b{i}": generator.random(rows) < 0.05 for i in range(2)}
    result = find_relationships(open_dataset(pa.table(table)))
    assert (result.pairs, result.dependencies, result.findings) == ([], [], [])


def test_correlations_with_missing_values_are_those_of_pandas() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=(500, 4))
    values[:, 1] += values[:, 0]
    values[generator.random(values.shape) < 0.2] = np.nan
    found = correlations(values)
    frame = pd.DataFrame(values)
    np.testing.assert_allclose(found.pearson, frame.corr(), atol=1e-9)
    # Ranks are given once, before pairs are formed, so that Spearman's rho is nearly pandas's.
    np.testing.assert_allclose(found.spearman, frame.corr(method="spearman"), atol=0.03)
    assert found.rows[0, 1] == (frame[0].notna() & frame[1].notna()).sum()


def test_cramers_v_is_scipys_chi_squared_corrected_for_bias() -> None:
    from scipy.stats import chi2_contingency

    generator = np.random.default_rng(2)
    left = generator.integers(0, 4, 800)
    right = (left + (generator.random(800) < 0.5) * generator.integers(0, 3, 800)) % 5
    table = pd.crosstab(left, right)
    chi2, p_value, _, _ = chi2_contingency(table, correction=False)
    n, (k, m) = 800, table.shape
    phi2 = max(0.0, chi2 / n - (k - 1) * (m - 1) / (n - 1))
    expected = (phi2 / (min(k - (k - 1) ** 2 / (n - 1), m - (m - 1) ** 2 / (n - 1)) - 1)) ** 0.5
    found = cramers_v(left, right)
    assert found.value == pytest.approx(expected)
    assert found.chance == pytest.approx(p_value)


def test_the_correlation_ratio_is_that_of_an_analysis_of_variance() -> None:
    from scipy.stats import f_oneway

    generator = np.random.default_rng(3)
    codes = generator.integers(0, 3, 600)
    values = np.clip(codes + generator.normal(size=600), -1, 3)
    groups = [values[codes == code] for code in range(3)]
    f, p_value = f_oneway(*groups)
    # Adjusted like R²: (F - 1) (k - 1) / (F (k - 1) + n - k), here with n = 600 and k = 3.
    share = f * 2 / (f * 2 + 597)
    found = correlation_ratio(codes, values)
    assert found.value == pytest.approx((1 - (1 - share) * 599 / 597) ** 0.5, rel=0.02)
    assert found.chance == pytest.approx(p_value, rel=0.5, abs=1e-30)


def test_mutual_information_of_a_normal_pair_is_near_its_r() -> None:
    generator = np.random.default_rng(4)
    x = generator.normal(size=20_000)
    y = 0.6 * x + 0.8 * generator.normal(size=20_000)
    assert mutual_information(binned(x), binned(y)).value == pytest.approx(0.6, abs=0.04)
    assert mutual_information(binned(x), binned(generator.normal(size=20_000))).value < 0.05


def test_one_extreme_row_neither_makes_nor_hides_a_relation() -> None:
    generator = np.random.default_rng(5)
    x, y = generator.normal(size=2_000), generator.normal(size=2_000)
    z = x + generator.normal(size=2_000) * 0.3
    x[0] = y[0] = 1e4
    z[0] = -1e4
    result = find_relationships(open_dataset(pa.table({"x": x, "y": y, "z": z})))
    assert [{item.left, item.right} for item in result.pairs] == [{"x", "z"}]
    assert result.pairs[0].value > 0.9


def test_drivers_of_a_target_are_ranked() -> None:
    generator = np.random.default_rng(6)
    strong, weak, none = (generator.normal(size=3_000) for _ in range(3))
    kind = generator.choice(["a", "b"], 3_000)
    target = 2 * strong + 0.7 * weak + np.where(kind == "a", 1.5, -1.5) + generator.normal(size=3_000)
    table = pa.table({"none": none, "weak": weak, "kind": kind, "strong": strong, "target": target})
    result = find_relationships(open_dataset(table), target="target")
    assert [item.left for item in result.pairs] == ["strong", "kind", "weak"]
    assert {item.right for item in result.pairs} == {"target"}
    assert result.compared == 4


@pytest.mark.parametrize(
    ("target", "words"), [("tagret", "did you mean 'target'?"), ("one", "constant"), ("row_id", "id")]
)
def test_a_target_that_nothing_can_explain_is_refused(target: str, words: str) -> None:
    table = pa.table({"row_id": np.arange(300), "one": [1] * 300, "target": [0, 1, 1] * 100})
    with pytest.raises(BadRequest, match=words.replace("?", r"\?")):
        find_relationships(open_dataset(table), target=target)


def cities(rows: int = 2_000) -> tuple[list[str], list[str]]:
    where = {"Rome": "IT", "Milan": "IT", "Oslo": "NO", "Bergen": "NO", "Kyiv": "UA", "Lviv": "UA", "Bonn": "DE"}
    names = [list(where)[i] for i in np.random.default_rng(7).integers(0, len(where), rows)]
    return names, [where[name] for name in names]


def test_a_kept_dependency_is_reported_without_violations() -> None:
    city, country = cities()
    result = find_relationships(open_dataset(pa.table({"city": city, "country": country})))
    assert [(d.determinant, d.dependent, d.violations, d.kept) for d in result.dependencies] == [
        ("city", "country", 0, 1.0)
    ]
    assert not [finding for finding in result.findings if finding.metric == "dependency_violations"]


def test_broken_dependencies_are_counted_exactly_with_examples() -> None:
    city, country = cities()
    country_name = [{"IT": "Italy", "NO": "Norway", "UA": "Ukraine", "DE": "Germany"}[code] for code in country]
    country_name[5], country_name[9] = country_name[5][:-1] + "x", country_name[9][:-1] + "x"
    result = find_relationships(open_dataset(pa.table({"city": city, "country": country_name})))
    (dependency,) = [d for d in result.dependencies if d.determinant == "city"]
    assert (dependency.rows, dependency.violations, dependency.misspelt) == (2_000, 2, 2)
    assert {(e.given, e.found, e.rows) for e in dependency.examples} == {(city[i], country_name[i], 1) for i in (5, 9)}
    (finding,) = [f for f in result.findings if f.metric == "dependency_violations"]
    assert (finding.severity, finding.value) == ("medium", 2)


def test_breaks_that_a_third_column_explains_are_none() -> None:
    generator = np.random.default_rng(8)
    measure = generator.choice([f"m{i}" for i in range(20)], 3_000)
    state = np.where(generator.random(3_000) < 0.02, "ak", "al")
    average = [f"{s}_{m}" for s, m in zip(state, measure, strict=True)]
    result = find_relationships(open_dataset(pa.table({"measure": measure, "state": state, "average": average})))
    assert ("measure", "average") not in {(d.determinant, d.dependent) for d in result.dependencies}


def test_a_sampled_dependency_is_counted_over_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_association_columns, "_ROWS", 2_000)
    city, country = cities(30_000)
    for place in range(0, 30_000, 1_000):
        country[place] = "XX" if country[place] != "XX" else "YY"
    result = find_relationships(open_dataset(pa.table({"city": city, "country": country})))
    assert result.scanned.rows < 3_000
    (dependency,) = [d for d in result.dependencies if d.determinant == "city"]
    assert (dependency.rows, dependency.violations) == (30_000, 30)
    assert sum(example.rows for example in dependency.examples) > 0


def test_hospital_typos_break_dependencies(shared_data: Path) -> None:
    result = find_relationships(open_dataset(str(shared_data / "hospital_dirty.csv")))
    frame = pd.read_csv(shared_data / "hospital_dirty.csv", dtype=str)
    (zip_city,) = [d for d in result.dependencies if (d.determinant, d.dependent) == ("zip", "city")]
    counts = frame.groupby("zip")["city"].agg(["size", lambda column: column.value_counts().iloc[0]])
    counts = counts[counts["size"] >= 2]
    assert zip_city.rows == counts["size"].sum()
    assert zip_city.violations == (counts["size"] - counts.iloc[:, 1]).sum()
    assert any(example.found == "birminghxm" for example in zip_city.examples)
    named = {finding.columns[1] for finding in result.findings if finding.severity == "medium"}
    assert {"city", "county", "phone", "measure_name", "condition", "zip"} <= named


def test_a_clean_table_breaks_nothing_with_a_slip_of_the_pen(shared_data: Path) -> None:
    for name in ("hospital_clean.csv", "beers_clean.csv"):
        result = find_relationships(open_dataset(str(shared_data / name)))
        assert [finding for finding in result.findings if finding.severity != "low"] == []


def test_the_strongest_categories_are_those_of_skrub(shared_data: Path) -> None:
    skrub = pytest.importorskip("skrub")
    frame = pd.read_csv(shared_data / "hospital_clean.csv")[["City", "State", "CountyName", "Condition", "MeasureCode"]]
    theirs = skrub.column_associations(frame)
    strong = {
        frozenset((row.left_column_name, row.right_column_name)) for row in theirs.itertuples() if row.cramer_v > 0.9
    }
    result = find_relationships(open_dataset(pa.Table.from_pandas(frame)))
    ours = {frozenset((item.left, item.right)) for item in result.pairs if abs(item.value) > 0.9}
    assert strong <= ours


def test_wide_tables_are_narrowed_and_say_how() -> None:
    generator = np.random.default_rng(9)
    base = generator.normal(size=400)
    columns = {f"n{i}": generator.normal(size=400) for i in range(300)} | {
        "copy": base + 1e-3 * generator.normal(size=400),
        "base": base,
    }
    columns |= {f"c{i}": generator.choice(["a", "b"], 400) for i in range(80)}
    result = find_relationships(open_dataset(pa.table(columns)))
    assert {result.pairs[0].left, result.pairs[0].right} == {"copy", "base"}
    assert result.truncated
    assert "60 of 80 categorical columns" in result.notes[0]


ODD = [
    pa.table({"v": pa.array([], pa.float64()), "w": pa.array([], pa.string())}),
    pa.table({"v": [1.0], "w": ["a"]}),
    pa.table({"v": pa.array([None] * 9, pa.float64()), "w": [1.0] * 9}),
    pa.table({"v": [1e300, -1e300, 0.0, float("inf"), float("nan")] * 20, "w": list("abcde") * 20}),
    pa.table({"v": [[1]] * 9, "w": [{"a": 1}] * 9}),
    pa.table({'a"b.c': np.arange(50) % 7, "x; --": np.arange(50) % 7, "ü[0]": list("abcdefghij") * 5}),
]


@pytest.mark.parametrize("table", ODD)
def test_odd_tables_are_compared_without_fuss(table: pa.Table) -> None:
    dataset: Dataset = open_dataset(table)
    result = find_relationships(dataset)
    json.dumps(result.model_dump(mode="json"), allow_nan=False)
