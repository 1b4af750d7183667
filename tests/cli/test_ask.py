import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run


@pytest.fixture
def picture(work: Path) -> Path:
    path = work / "picture.jpg"
    Image.new("RGB", (300, 200), (200, 30, 30)).save(path)
    return path


def test_ask_streams_the_answer_to_stdout(run: Run, scenes_checkpoint: Path, picture: Path) -> None:
    result = run("ask", picture, "What is it?", "--model", scenes_checkpoint)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip()
    assert "cap of 6 tokens" in result.stderr


def test_ask_json_holds_the_same_answer(run: Run, scenes_checkpoint: Path, picture: Path) -> None:
    said = run("ask", picture, "What is it?", "--model", scenes_checkpoint, "--seed", 3).stdout
    content = json.loads(
        run("ask", picture, "What is it?", "--model", scenes_checkpoint, "--seed", 3, "--json").stdout
    )
    assert "".join(content["answer"].split()) == "".join(said.split())
    assert (content["question"], content["seed"], content["capped"]) == ("What is it?", 3, True)
    assert content["images"] == [str(picture)] and content["thought"] is None


def test_several_pictures_none_a_thought_and_how_it_is_written(
    run: Run, checkpoint: Path, picture: Path
) -> None:
    warm = ("--temperature", 1.5, "--max-tokens", 4, "--json", "--model", checkpoint)
    said = [
        json.loads(run("ask", *asked, *warm).stdout)
        for asked in (
            (picture, picture, "What differs?"),
            ("What is a star?",),
            (picture, "What?", "--think", "--top-p", 0.5, "--seed", 1),
        )
    ]
    assert [len(one["images"]) for one in said] == [2, 0, 1]
    assert all(one["num_tokens"] == 4 for one in said)
    wanted = {"temperature": 1.5, "top_p": 0.5, "max_tokens": 4}
    assert said[2]["sampling"] | wanted == said[2]["sampling"]


def test_a_plan_says_how_it_is_answered(
    run: Run, refuse, scenes_checkpoint: Path, picture: Path, work: Path
) -> None:
    quick = ("--max-tokens", 4, "--json", "--model", scenes_checkpoint)
    said = json.loads(run("ask", picture, "What?", "--plan", "bagel-understand", *quick).stdout)
    alone = json.loads(run("ask", picture, "What?", *quick).stdout)
    assert said["answer"] == alone["answer"] and "folder" not in said
    (work / "draws.yaml").write_text(DRAWS)
    drawn = json.loads(run("ask", picture, "What?", "--plan", "draws.yaml", "--out", "kept", *quick).stdout)
    assert drawn["answer"] and (work / "kept" / "turn1.png").exists() and drawn["folder"] == "kept"
    folders = set()
    for colour in ("red", "red", "blue"):
        Image.new("RGB", (300, 200), colour).save("same.png")
        made = run("ask", "same.png", "What?", "--plan", "draws.yaml", *quick)
        folders.add(json.loads(made.stdout)["folder"])
    assert len(folders) == 2, "another picture under the same name is another episode"
    for options, told in (
        (["--plan", "bagel-t2i"], "reads none"),
        (["--plan", "draws.yaml", "--think"], "says what is written"),
        (["--plan", "bagel-understand", "--out", "x"], "draws nothing"),
        (["--out", "x"], "without --plan"),
        (["--stop-when-right"], "without --plan"),
    ):
        assert told in refuse("ask", picture, "What?", *options, "--model", scenes_checkpoint)


DRAWS = """plan: 1
draw_defaults: {points: 2, text_scale: 1}
first:
- {draw: I, reads: [input:cv, prompt]}
- {write: A, reads: [input:cv, prompt, I:cv]}
returns: text
"""


def test_a_picture_alone_is_no_question(refuse, picture: Path) -> None:
    assert "picture.jpg is a file: expected a question after it" in refuse("ask", picture)
    assert "is not a picture" in refuse("ask", __file__, "What?")
