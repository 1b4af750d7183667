from pathlib import Path

import pytest

from irg.bench.geneval2.benchmark import GENEVAL2
from irg.bench.geneval2.summary import SUMMARIES
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, Shown
from tests.bench.checkout import heard, judge, write_script
from tests.bench.geneval2.samples import items
from tests.bench.small import BLUE, RED

SCRIPT = """
import argparse, json
from PIL import Image

parser = argparse.ArgumentParser()
for name in ("benchmark_data", "image_filepath_data", "method", "output_file"):
    parser.add_argument(f"--{name}", required=True)
args = parser.parse_args()
paths = json.load(open(args.image_filepath_data))
found = []
for line in open(args.benchmark_data):
    asked = json.loads(line)
    assert len(asked["vqa_list"]) == len(asked["skills"]) and asked["atom_count"] >= 3
    red = Image.open(paths[asked["prompt"]]).getpixel((0, 0)) == (255, 0, 0)
    soft = {"soft_tifa_gm": 0.9 if red else 0.25, "tifa": int(red)}[args.method]
    found.append([soft] * len(asked["vqa_list"]))
json.dump(found, open(args.output_file, "w"))
"""


def test_lists_of_scores_become_rows_of_questions(tmp_path: Path) -> None:
    write_script(tmp_path, GENEVAL2, SCRIPT)
    some = items(tmp_path)
    shown = [Shown(item, 1, {0: ShownPicture(data)}) for item, data in zip(some, (BLUE, RED), strict=True)]
    found = heard(judge(GENEVAL2, tmp_path), shown[::-1])
    hearings = {name: Hearing(name, 1, {0: ""}, {}, tuple(rows)) for name, rows in found.items()}
    values = {name: summarise(some, hearings).headline.value for name, summarise in SUMMARIES.items()}
    assert values == {
        "soft-tifa-gm": pytest.approx(0.575),
        "soft-tifa-am": pytest.approx(0.575),
        "tifa": 0.5,
    }


def test_lists_of_other_prompts_are_refused(tmp_path: Path) -> None:
    write_script(tmp_path, GENEVAL2, SCRIPT.replace("found = []", "found = [[1]]"))
    shown = [Shown(item, 1, {0: ShownPicture(RED)}) for item in items(tmp_path)]
    with pytest.raises(ValueError, match=r"soft.json: expected a score for each of 5 questions"):
        heard(judge(GENEVAL2, tmp_path), shown)
