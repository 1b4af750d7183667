"""The official code is nothing that may lie here: a script of the same arguments, tree and results stands for
it, which calls a picture right if it is red.
"""

from pathlib import Path

import pytest

from irg.bench.geneval.benchmark import GENEVAL
from irg.bench.geneval.evidence import VERDICT, verdict_of
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Shown, Status
from tests.bench.checkout import heard, judge, write_script
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
    (tmp_path / "detector.pth").write_bytes(b"weights")
    return write_script(tmp_path, GENEVAL, SCRIPT)


def test_the_script_judges_and_its_results_become_rows(checkout: Path) -> None:
    some = items(checkout)
    shown = [Shown(item, 1, {0: ShownPicture(RED), 1: ShownPicture(BLUE)}) for item in reversed(some[:2])]
    found = {
        name: {row.picture: row for row in rows}
        for name, rows in heard(judge(GENEVAL, checkout), shown).items()
    }
    assert [found["00000"][number].status for number in (0, 1)] == [Status.OK, Status.OK]
    assert verdict_of(PROMPTS[0], {VERDICT: found["00000"][0]}).correct
    wrong = verdict_of(PROMPTS[0], {VERDICT: found["00000"][1]})
    assert not wrong.correct and wrong.reasons == ("expected red", "found none")
    assert found["00000"][0].evidence["details"] == {"cup": [[0, 0, 8, 8, 0.9]]}
    assert found["00001"][0].status is Status.OK
    assert found["00001"][1].fault == "judge error: not among the official results"


def test_weights_are_part_of_the_identity(checkout: Path) -> None:
    weights = judge(GENEVAL, checkout).identity["models"]
    assert ["detector.pth", 7] in weights
