from pathlib import Path

import pytest
from PIL import Image

from irg.bench.comparison import CompareOptions
from irg.bench.conditions import title
from irg.bench.pages import page
from irg.bench.plots import draw_plots
from irg.bench.results import summarise
from tests.bench.made import HEADER, NAMES, TURNS, records

RESULTS = summarise(records(), CompareOptions(24, (0, 1), TURNS, resamples=1000), HEADER)


def rows(text: str) -> list[list[str]]:
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]


def test_tables_are_whole() -> None:
    """Every row of a table has as many cells as its head."""
    table: list[list[str]] = []
    for line in [*page(RESULTS).splitlines(), ""]:
        if line.startswith("|"):
            table.append(line.strip("|").split("|"))
        elif table:
            assert len({len(row) for row in table}) == 1 and len(table) > 2, table
            assert set(table[1]) == {" --- "}
            table = []


def test_every_condition_and_its_score_are_on_the_page() -> None:
    found = {row[0].strip(): row for row in rows(page(RESULTS)) if len(row) > 8}
    for name in NAMES:
        score = next(one for one in RESULTS["conditions"] if one["name"] == name)["score"]["overall"]["value"]
        assert found[title(name)][1].strip() == f"**{score:.3f}**"


def test_differences_that_leave_out_zero_are_bold() -> None:
    found = {row[0].strip(): row[1] for row in rows(page(RESULTS)) if " - " in row[0]}
    for one in RESULTS["differences"]:
        score = one["overall"]["score"]
        text = found[f"{title(one['better']).partition(':')[0]} - {title(one['than']).partition(':')[0]}"]
        assert f"{score['value']:+.3f}" in text
        assert ("**" in text) == (score["low"] > 0 or score["high"] < 0)


def test_a_base_of_its_own_is_named() -> None:
    assert "as base the same model" in page(RESULTS)
    assert "base `b 123`" in page(RESULTS | {"base": {"name": "b", "fingerprint": "123", "device": "cpu"}})


def test_pictures_that_the_page_shows_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    written = {path.name for path in draw_plots(RESULTS, tmp_path)}
    assert {path.name for path in tmp_path.iterdir()} == written
    for name in written:
        assert f"]({name})" in page(RESULTS)
        with Image.open(tmp_path / name) as plot:
            assert min(plot.size) > 300 and len(plot.convert("RGB").getcolors(1 << 24) or ()) > 50
