from pathlib import Path

import pytest

from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, Shown
from irg.bench.wise.benchmark import OF_2025, OF_2026, WISE, WISE_VERIFIED
from tests.bench.checkout import heard, judge, write_script
from tests.bench.small import BLUE, RED
from tests.bench.wise.sources import write_sources

SCRIPT = """
import argparse, json, os
from PIL import Image

parser = argparse.ArgumentParser()
names = "json_path output_dir image_dir api_key model result_full result_scores max_workers"
for name in names.split():
    parser.add_argument(f"--{name}", required=True)
args = parser.parse_args()
assert args.api_key == "secret"
scores, full = [], []
for asked in json.load(open(args.json_path)):
    path = os.path.join(args.image_dir, f"{asked['prompt_id']}.png")
    if not os.path.isfile(path):
        continue
    value = 2 if Image.open(path).getpixel((0, 0)) == (255, 0, 0) else None
    row = {"prompt_id": asked["prompt_id"], "Subcategory": asked["Subcategory"]}
    scores.append({**row, "consistency": value, "realism": 1, "aesthetic_quality": 0})
    said = f"Consistency: {value}\\nRealism: 1\\nAesthetic Quality: 0"
    full.append({"prompt_id": asked["prompt_id"], "evaluation": said})
open(args.result_scores, "w").write("".join(json.dumps(row) + "\\n" for row in scores))
json.dump(full, open(args.result_full, "w"))
"""


def test_scores_and_answers_become_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    write_sources(tmp_path, OF_2025)
    write_script(tmp_path, WISE, SCRIPT)
    some = WISE.items(tmp_path)
    shown = [Shown(item, 1, {0: ShownPicture(BLUE if item.id == "7" else RED)}) for item in some[:12]]
    ours = judge(WISE, tmp_path)
    found = heard(ours, shown)
    assert "secret" not in repr(ours.identity) and ours.identity["model"] == "gpt-4o-2024-05-13"
    assert found["7"][0].fault == "judge error: not among the official results"
    assert found["1"][0].evidence["consistency"] == 2 and "Realism: 1" in found["1"][0].evidence["answer"]
    hearings = {name: Hearing(name, 1, {0: ""}, {}, tuple(rows)) for name, rows in found.items()}
    for summarise in WISE.summaries.values():
        culture = summarise(some, hearings).figures[0]
        assert (culture.value, culture.counted) == (pytest.approx(0.8), 11)


def test_how_the_edition_of_2026_is_run_has_to_be_said(tmp_path: Path) -> None:
    write_script(tmp_path, WISE_VERIFIED, "")
    with pytest.raises(ValueError, match=r"command=... is missing: it says how vllm_eval.py is started"):
        judge(WISE_VERIFIED, tmp_path)
    write = "import json, sys; open(sys.argv[1], 'w').write(json.dumps({'prompt_id': 1, 'score': 1.0}))"
    write_script(tmp_path, WISE_VERIFIED, write)
    ours = judge(
        WISE_VERIFIED, tmp_path, command="{python} vllm_eval.py {results}/culture_scores_results.jsonl"
    )
    (item, *_) = WISE_VERIFIED.items(write_sources(tmp_path / "sources", OF_2026))
    assert heard(ours, [Shown(item, 1, {0: ShownPicture(RED)})])["1"][0].evidence["score"] == 1.0
