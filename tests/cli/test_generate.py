import json
from pathlib import Path

from PIL import Image

from irg.core.trace import Trace
from tests.cli.conftest import SMALL, Run

FILES = {".irg.json", "trace.json", "strip.png", "index.html", "turn1.png", "turn2.png"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_episode_is_shown_and_saved(run: Run, checkpoint: Path) -> None:
    result = run("generate", "two red circles", "--out", "x", "--model", checkpoint, *SMALL)
    assert result.exit_code == 0, result.output
    assert names(Path("x")) == FILES
    trace = Trace.load(Path("x"))
    assert (trace.prompt, trace.seed, len(trace.turns)) == ("two red circles", 0, 2)
    assert all(turn.thought and turn.verdict is None for turn in trace.turns)
    for words in (
        "thought",
        "reflection",
        "image 1",
        "image 2",
        "cap of 6 tokens",
        "saved in x",
        "strip.png",
    ):
        assert words in result.stdout


def test_the_same_seed_gives_the_same_bytes(run: Run, checkpoint: Path) -> None:
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        run("generate", "dog", "--out", folder, "--seed", seed, "--model", checkpoint, *SMALL)
    for name in ("turn1.png", "turn2.png", "strip.png"):
        a, b, c = ((Path(folder) / name).read_bytes() for folder in "abc")
        assert a == b != c


def test_turns_thoughts_and_previews(run: Run, checkpoint: Path) -> None:
    options = ("--turns", 1, "--no-think", "--preview-every", 1, "--model", checkpoint, *SMALL)
    run("generate", "A small dog!", *options)
    (folder,) = Path("runs").glob("a-small-dog-0-*")
    assert names(folder) == FILES - {"turn2.png"} | {"previews"}
    assert names(folder / "previews") == {"image1-step0001.png"}
    with Image.open(folder / "previews" / "image1-step0001.png") as preview:
        assert preview.size == (64, 64)
    assert Trace.load(folder).turns[0].thought is None


def test_another_prompt_or_setting_has_another_folder(run: Run, checkpoint: Path) -> None:
    for prompt, *changed in (("a" * 60,), ("a" * 61,), ("?!",), ("!?",), ("!?", "--turns", 1), ("!?",)):
        run("generate", prompt, "--model", checkpoint, *SMALL, *changed)
    assert len(list(Path("runs").iterdir())) == 5


def test_an_episode_replaces_the_one_before_and_nothing_else(run: Run, checkpoint: Path) -> None:
    run("generate", "dog", "--out", "x", "--turns", 3, "--preview-every", 1, "--model", checkpoint, *SMALL)
    Path("x/notes.txt").write_text("mine")
    result = run("generate", "cat", "--out", "x", "--turns", 2, "--model", checkpoint, *SMALL)
    assert result.exit_code == 0, result.output
    assert names(Path("x")) == FILES | {"notes.txt"}
    assert Trace.load(Path("x")).prompt == "cat"


def test_what_a_killed_run_left_is_no_obstacle(run: Run, checkpoint: Path) -> None:
    run("generate", "dog", "--out", "x", "--preview-every", 1, "--model", checkpoint, *SMALL)
    Path("x/trace.json").unlink()
    Path("x/.partial-abc").mkdir()
    assert run("generate", "dog", "--out", "x", "--model", checkpoint, *SMALL).exit_code == 0
    assert Trace.load(Path("x")).prompt == "dog"


def test_quiet_prints_the_folder_alone(run: Run, checkpoint: Path) -> None:
    result = run("generate", "dog", "--out", "x", "--quiet", "--model", checkpoint, *SMALL)
    assert (result.stdout, result.stderr) == ("x\n", "")


def test_json_is_alone_on_stdout(run: Run, checkpoint: Path) -> None:
    result = run("generate", "dog", "--out", "x", "--json", "--model", checkpoint, *SMALL)
    content = json.loads(result.stdout)
    assert "thought" in result.stderr
    assert [Path(turn["image"]).is_file() for turn in content["turns"]] == [True, True]
    assert Path(content["strip"]).is_file() and Path(content["page"]).is_file()
