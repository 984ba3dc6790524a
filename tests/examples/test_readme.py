"""The call that the README shows answers what the README shows."""

from __future__ import annotations

from pathlib import Path

from refinery.tools.data import open_dataset
from refinery.tools.quality.check_leakage import check_leakage
from refinery.tools.rendering import compact_text

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_readme_shows_the_real_answer_of_its_call(demo: Path) -> None:
    name = "orders_2026-04.csv"
    answer = compact_text(
        check_leakage(open_dataset(demo / name, name=name), target="returned"), action="check_leakage"
    )
    assert f'check_leakage(dataset="{name}", target="returned")\n{answer}\n```' in README.read_text()
