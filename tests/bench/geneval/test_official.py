"""The official code is nothing that may lie here: a script of the same arguments, tree and results stands for
it, which calls a picture right if it is red.
"""

import sys
from pathlib import Path

import pytest

from irg.bench.geneval.evidence import VERDICT, verdict_of
from irg.bench.geneval.official import official_judge
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import JudgeOptions, Shown, Status
from tests.bench.geneval.samples import PROMPTS, items
from tests.bench.small import BLUE, RED

SCRIPT = """
import argparse, json, os, re
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("imagedir")
parser.add_argument("--outfile")
parser.add_argument("--model-path")
args = parser.parse_args()
assert os.path.isfile(os.path.join(args.model_path, "detector.pth"))
rows = []
for subfolder in os.listdir(args.imagedir):
    folder = os.path.join(args.imagedir, subfolder)
    if not subfolder.isdigit():
        continue
    with open(os.path.join(folder, "metadata.jsonl")) as file:
        metadata = json.load(file)
    for name in os.listdir(os.path.join(folder, "samples")):
        path = os.path.join(folder, "samples", name)
        right = Image.open(path).getpixel((0, 0)) == (255, 0, 0)
        if metadata["prompt"] == "two dogs" and name == "00001.png":
            continue
        rows.append({"filename": path, "tag": metadata["tag"], "prompt": metadata["prompt"],
                     "correct": right, "reason": "" if right else "expected red\\nfound none",
                     "metadata": json.dumps(metadata), "details": json.dumps({"cup": [[0, 0, 8, 8, 0.9]]})})
with open(args.outfile, "w") as file:
    for row in rows:
        file.write(json.dumps(row) + "\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "evaluate_images.py").write_text(SCRIPT)
    (tmp_path / "detector.pth").write_bytes(b"weights")
    return tmp_path


def options(checkout: Path, **more: str) -> JudgeOptions:
    return JudgeOptions(checkout, checkout, {"official": str(checkout), "python": sys.executable, **more})


def test_the_script_judges_and_its_results_become_rows(checkout: Path) -> None:
    judge = official_judge(options(checkout))
    some = items(checkout)
    shown = [Shown(item, 1, {0: ShownPicture(RED), 1: ShownPicture(BLUE)}) for item in reversed(some[:2])]
    heard = {one.item.id: {row.picture: row for row in rows} for one, rows in judge.hear(shown)}
    assert [heard["00000"][number].status for number in (0, 1)] == [Status.OK, Status.OK]
    assert verdict_of(PROMPTS[0], {VERDICT: heard["00000"][0]}).correct
    wrong = verdict_of(PROMPTS[0], {VERDICT: heard["00000"][1]})
    assert not wrong.correct and wrong.reasons == ("expected red", "found none")
    assert heard["00000"][0].evidence["details"] == {"cup": [[0, 0, 8, 8, 0.9]]}
    assert heard["00001"][0].status is Status.OK
    assert heard["00001"][1].status is Status.JUDGE_ERROR
    assert heard["00001"][1].fault == "judge error: not among the official results"


def test_the_identity_is_that_of_script_and_weights(checkout: Path) -> None:
    before = official_judge(options(checkout)).identity
    assert before["weights"] == [["detector.pth", 7]]
    (checkout / "evaluation" / "evaluate_images.py").write_text(SCRIPT + "\n")
    assert official_judge(options(checkout)).identity["official"] != before["official"]


def test_a_script_that_fails_is_told_with_its_last_words(checkout: Path) -> None:
    (checkout / "evaluation" / "evaluate_images.py").write_text("raise SystemExit('no CUDA device')")
    shown = [Shown(items(checkout)[0], 1, {0: ShownPicture(RED)})]
    with pytest.raises(ValueError, match=r"evaluate_images\.py ended with 1: no CUDA device"):
        list(official_judge(options(checkout)).hear(shown))


def test_what_is_not_there_is_told_at_once(checkout: Path, tmp_path: Path) -> None:
    for more, expected in (
        ({"python": "no-such-python"}, "python=no-such-python is no program"),
        ({"models": str(checkout / "nowhere")}, "nowhere is no folder"),
        ({"clip": "x"}, "this judge knows official, python, models"),
        ({"official": str(checkout / "evaluation")}, "is not there"),
    ):
        with pytest.raises(ValueError, match=expected):
            official_judge(options(checkout, **more))
