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
