import inspect
import json
import typing
from pathlib import Path

import pytest

from irg.cli.bench_speed import speed
from irg.model.presets import PRESETS
from tests.cli.conftest import Run

TINY = (
    *("bench", "speed", "--preset", "tiny", "--device", "cpu", "--layers", "1", "--episodes", "1"),
    *("--points", "3", "--thought-tokens", "4"),
)


def test_a_table_a_folder_and_a_comparison(run: Run, work: Path) -> None:
    result = run(*TINY, "--out", "fast")
    assert result.exit_code == 0, result.output
    for word in ("prefill", "reflection", "decode", "drawing, times its limit", "kernels a token"):
        assert word in result.stdout
    assert (work / "fast" / "speed.png").is_file()
    result = run("bench", "speed", "--compare", "fast/speed.json", "fast/speed.json", "--json")
    pairs = json.loads(result.stdout)
    assert pairs["peak bytes"]["before"] == pairs["peak bytes"]["after"] > 0
    assert "after / before" in run("bench", "speed", "--compare", "fast/speed.json", "fast/speed.json").stdout


def test_json_is_the_whole_of_stdout(run: Run) -> None:
    assert set(json.loads(run(*TINY, "--json").stdout)) == {
        "kernel_calls",
        "of_limit",
        "phases",
        "peak_bytes",
    }


def test_what_is_cheaper_is_judged(run: Run) -> None:
    content = json.loads(
        run("bench", "speed", "--cheaper", "--prompts", "1", "--device", "cpu", "--json").stdout
    )
    exact, *others = content["cheaper"]
    assert (content["prompts"], exact["options"], exact["evaluations"], exact["faster"]) == (1, "exact", 8, 1)
    fewer = next(way for way in others if way["options"] == "--points 3")
    assert content["best"] in {way["options"] for way in content["cheaper"]}
    assert fewer["evaluations"] == 2 and set(fewer["difference"]) == {"value", "low", "high"}
    assert [way["options"] for way in content["lookup"]] == ["exact", "--lookup 4", "--lookup 16"]
    assert all(way["same"] == 1 and way["reflections"]["seconds"] > 0 for way in content["lookup"])


def test_what_cannot_be_measured_is_one_line(run: Run, work: Path) -> None:
    result = run(*TINY, "--layers", "9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "9 layers: the preset has 1 to 3" in result.stderr
    result = run("bench", "speed", "--preset", "tiny", "--device", "nowhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "device 'nowhere' cannot be used here" in result.stderr
    (work / "other.json").write_text("{}")
    result = run("bench", "speed", "--compare", "other.json", "other.json")
    assert result.exit_code == 2 and "other.json is no run of irg bench speed" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--cheaper", "--out", "fast", "--layers", "2"),
            "Invalid value for --layers and --out: not for --cheaper",
        ),
        (("--cheaper", "--preset", "tiny"), "Invalid value for --preset: not for --cheaper"),
        (("--compare", "a.json", "b.json", "--cheaper"), "Invalid value for --cheaper: not for --compare"),
        (
            ("--compare", "a.json", "b.json", "--threads", "2", "--dtype", "float32"),
            "Invalid value for --threads and --dtype: not for --compare",
        ),
        (("--compare", "a.json", "b.json", "--prompts", "3"), "--prompts: it is for --cheaper alone"),
        (("--prompts", "3"), "--prompts: it is for --cheaper alone"),
        (("--guidance", "2"), "--guidance: it is for --cheaper alone"),
    ],
)
def test_no_option_is_left_unread(run: Run, work: Path, options: tuple[str, ...], message: str) -> None:
    result = run("bench", "speed", *options)
    assert result.exit_code == 2 and message in " ".join(result.stderr.replace("│", " ").split())
    assert list(work.iterdir()) == []


def test_choices_are_the_presets() -> None:
    hints = typing.get_type_hints(speed)
    assert set(inspect.signature(speed).parameters) == set(hints) - {"return"}
    assert set(typing.get_args(hints["preset"])) == set(PRESETS)
