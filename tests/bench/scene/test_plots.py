import re
from pathlib import Path

import pytest
from PIL import Image

from irg.bench.scene.comparison import CompareOptions
from irg.bench.scene.conditions import Condition
from irg.bench.scene.pages import page
from irg.bench.scene.plots import _draw_families, _draw_training, _draw_turns, _with_errors, draw_plots
from irg.bench.scene.results import summarise
from tests.bench.scene.made import HEAD, TURNS, found

RESULTS = summarise(found(), CompareOptions(24, (0, 1), TURNS, resamples=1000), HEAD)
pyplot = pytest.importorskip("matplotlib.pyplot")


def texts(path: Path) -> list[str]:
    """All that is written in a plot."""
    return re.findall(r"<text [^>]*>([^<]*)</text>", path.read_text())


@pytest.fixture
def svg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a plot is drawn whose words stay words."""
    monkeypatch.setitem(pyplot.rcParams, "svg.fonttype", "none")
    return tmp_path / "plot.svg"


def test_pictures_that_the_page_shows_are_written(tmp_path: Path) -> None:
    written = {path.name for path in draw_plots(RESULTS, tmp_path)}
    assert {path.name for path in tmp_path.iterdir()} == written
    for name in written:
        assert f"]({name})" in page(RESULTS)
        with Image.open(tmp_path / name) as plot:
            assert min(plot.size) > 300 and len(plot.convert("RGB").getcolors(1 << 24) or ()) > 50


def test_without_a_curve_there_is_no_plot_of_training(tmp_path: Path) -> None:
    drawn = draw_plots(RESULTS | {"curve": []}, tmp_path)
    assert [path.name for path in drawn] == ["scene_turns.png", "scene_families.png"]


def test_turns_are_drawn_of_all_pictures_and_of_those_that_have_every_turn(svg: Path) -> None:
    written = texts(_draw_turns(RESULTS, svg))
    assert {"n = 48", "n = 12", "score", "fidelity"} <= set(written)
    beside = (Condition.BASE, Condition.BEST_OF_2, Condition.TWICE_STEPS, Condition.GUIDED)
    titles = [one["title"] for one in RESULTS["conditions"] if one["name"] in beside]
    assert len(titles) == 4 and all(written.count(title) == 1 for title in titles)
    alike = [one | {"count": 48} for one in RESULTS["conditions"]]
    shown = texts(_draw_turns(RESULTS | {"conditions": alike}, svg))
    assert "n = 48" in shown and "n = 12" not in shown, "the few are all, and drawn once"


def test_families_have_bars_of_the_base_and_of_the_first_turns(svg: Path) -> None:
    written = texts(_draw_families(RESULTS, svg))
    titles = {one["name"]: one["title"] for one in RESULTS["conditions"]}
    assert {titles[name] for name in ("base", "direct", "turn1", "turn2")} | {*RESULTS["counts"]} <= {
        *written
    }
    assert titles["turn3"] not in written


def test_training_has_a_line_for_each_condition_of_the_curve(svg: Path) -> None:
    written = texts(_draw_training(RESULTS, svg))
    names = RESULTS["curve"][0]["conditions"]
    assert {"drawn at once" if name == "direct" else name.replace("turn", "turn ") for name in names} <= {
        *written
    }
    assert {"precision", "recall"} <= {*written}


def test_errors_are_how_far_an_interval_reaches_from_its_value() -> None:
    found = [{"value": 0.5, "low": 0.25, "high": 1.0}, {"value": 0.5, "low": 0.625, "high": 0.375}]
    assert _with_errors(found) == ([0.5, 0.5], [[0.25, 0.0], [0.5, 0.0]]), "never below nothing"
