"""What the official code left of the golden cases, read as its results, comes to its own scores."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.bench.items import Item
from irg.bench.oneig.benchmark import ONEIG
from irg.bench.oneig.official import IMPORTED, PROGRAM, read
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, Shown
from irg.core.trace import png
from tests.bench.cases import Cases
from tests.bench.checkout import heard, judge, write_script
from tests.bench.oneig.sources import write_sources
from tests.bench.oneig.tables import official_file, table

CASES = {
    "alignment": Cases("oneig_alignment.json", "expected"),
    "text": Cases("oneig_text.json", "expected", "ocr"),
    "reasoning": Cases("oneig_reasoning.json", "expected"),
    "style": Cases("oneig_style.json", "expected"),
    "diversity": Cases("oneig_diversity.json", "expected"),
}
SCRIPT = """
import argparse, pathlib

parser = argparse.ArgumentParser()
for name in ("mode", "image_dirname", "model_names", "image_grid"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--class_items", nargs="+")
args = parser.parse_args()
assert any(pathlib.Path(args.image_dirname).rglob("*.webp"))
dimension = pathlib.Path(__file__).stem.removesuffix("_score")
pathlib.Path("results").mkdir(exist_ok=True)
name = "anime_001" if args.class_items else "001" if dimension == "style" else "000"
cell = chr(34) + "[2.0, 0.5, 0.75]" + chr(34) if dimension == "text" else "0.5"
text = f",{args.model_names}\\n{name},{cell}\\nempty_1,\\n"
pathlib.Path(f"results/{dimension}_prompt_score_EN_2026.csv").write_text(text)
"""


@pytest.mark.parametrize("dimension", CASES)
@pytest.mark.parametrize("model", ["alpha", "beta"])
def test_tables_of_prompts_come_to_the_official_score(dimension: str, model: str, tmp_path: Path) -> None:
    expected = CASES[dimension]["expected"]
    (tmp_path / f"{dimension}_prompt_score_EN_2026-01-01.csv").write_text(
        expected["prompt_csv"].replace(model, "irg", 1)
    )
    rows = read(tmp_path, [])
    texts = {
        row["id"]: row["text_content"]
        for row in csv.DictReader(io.StringIO(official_file("text_content.csv")))
    }
    items, hearings = [], {}
    for name, some in rows.items():
        kind, number = name.split("-")
        about = {"class": kind, "type": "NP", "length": "short", "style": "cubism", "subject": "s"}
        facts = {**about, "question": {}, "answer": "a", "text": texts.get(number, "")}
        items.append(Item(name, "p", (0, 1, 2, 3), facts))
        count = len(CASES["text"]["ocr"][f"text/{model}/{number}"]) if dimension == "text" else 4
        hearings[name] = Hearing(name, 1, dict.fromkeys(range(count), ""), {}, tuple(some))
    found = ONEIG.summaries[dimension](items, hearings).headline
    column = {"text": "text score", "diversity": "total average"}.get(dimension, dimension)
    assert found.value == pytest.approx(float(table(expected["score_csv"])[model][column]), abs=1e-9)


def test_each_dimension_has_a_program_of_its_own(tmp_path: Path) -> None:
    some = ONEIG.items(write_sources(tmp_path))
    write_script(tmp_path, ONEIG, "")
    for name in CASES:
        place = tmp_path / "scripts" / name / f"{name}_score.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(SCRIPT)
    picture = ShownPicture(png(Image.fromarray(np.full((8, 8, 3), 9, np.uint8))))
    shown = [Shown(item, 1, dict.fromkeys(range(4), picture)) for item in some]
    found = heard(judge(ONEIG, tmp_path), shown)
    styled = {row.question.removeprefix(IMPORTED): row.evidence for row in found["anime-001"]}
    assert styled == {name: {"score": 0.5} for name in ("alignment", "diversity", "style")}
    assert [row.evidence for row in found["text-000"]] == [{"ED": 2.0, "CR": 0.5, "WAC": 0.75}]
    assert found["human-000"][0].fault == "judge error: not among the official results"


def test_tables_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "style_prompt_score_EN_1.csv"
    for text, said in (
        (",other\n001,0.5\n", "has no column irg"),
        (",irg\n001,true\n", "001: 'true' is no score"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            PROGRAM.read(tmp_path, [])
