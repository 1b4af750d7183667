from pathlib import Path

import pytest

from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, Shown
from irg.bench.tiif.benchmark import TIIF
from tests.bench.checkout import heard, judge, write_script
from tests.bench.small import BLUE, RED
from tests.bench.tiif.sources import write_sources

SCRIPT = """
import argparse, json, pathlib
from PIL import Image

parser = argparse.ArgumentParser()
for name in ("jsonl_dir", "image_dir", "eval_model", "output_dir", "api_key", "base_url", "model"):
    parser.add_argument(f"--{name}", required=True)
args = parser.parse_args()
for path in pathlib.Path(args.image_dir).rglob("*.png"):
    kind, model, length = path.relative_to(args.image_dir).parts[:3]
    assert model == args.eval_model and pathlib.Path(args.jsonl_dir, f"{kind}_eval_prompts.jsonl").is_file()
    red = Image.open(path).getpixel((0, 0)) == (255, 0, 0)
    place = pathlib.Path(args.output_dir, kind, model, length, f"{path.stem}.json")
    place.parent.mkdir(parents=True, exist_ok=True)
    answers = {"gt_answers": ["yes", "no"], "model_pred": ["Yes", "no"] if red else ["no", "no"]}
    place.write_text(json.dumps(answers))
"""


def test_answers_become_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    some = TIIF.items(write_sources(tmp_path))
    write_script(tmp_path, TIIF, SCRIPT)
    red = {item.id for item in some if item.facts["length"] == "short"}
    shown = [Shown(item, 1, {0: ShownPicture(RED if item.id in red else BLUE)}) for item in some]
    found = heard(judge(TIIF, tmp_path), shown)
    hearings = {name: Hearing(name, 1, {0: ""}, {}, tuple(rows)) for name, rows in found.items()}
    values = {name: summarise(some, hearings).headline.value for name, summarise in TIIF.summaries.items()}
    assert values == {"short": 1.0, "long": 0.5}


def test_answers_to_other_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    some = TIIF.items(write_sources(tmp_path))
    write_script(tmp_path, TIIF, SCRIPT.replace('["no", "no"]}', '["no"]}'))
    with pytest.raises(ValueError, match="expected a model_pred for each question"):
        heard(judge(TIIF, tmp_path), [Shown(some[0], 1, {0: ShownPicture(BLUE)})])
