from pathlib import Path

import pytest

from irg.bench.genai.benchmark import GENAI_BENCH
from irg.bench.genai.summary import summarise
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import Hearing, Shown
from tests.bench.checkout import heard, judge, write_script
from tests.bench.genai.samples import items
from tests.bench.small import BLUE, RED

SCRIPT = """
import argparse, os, torch
from PIL import Image

parser = argparse.ArgumentParser()
for name in ("root_dir", "output_dir", "gen_model", "num_prompts", "model", "result_dir"):
    parser.add_argument(f"--{name}", required=True)
args = parser.parse_args()
folder = os.path.join(args.output_dir, args.gen_model)
pictures = [Image.open(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
scores = torch.tensor([[0.75] if one.getpixel((0, 0)) == (255, 0, 0) else [0.25] for one in pictures])
place = os.path.join(args.result_dir, args.gen_model)
os.makedirs(place)
torch.save(scores, f"{place}/{args.model}_{args.num_prompts}_prompts.pt")
"""


def test_scores_become_rows_in_the_order_of_the_prompts(tmp_path: Path) -> None:
    write_script(tmp_path, GENAI_BENCH, SCRIPT)
    some = items(tmp_path)
    shown = [Shown(item, 1, {0: ShownPicture(RED if item.id < "00002" else BLUE)}) for item in some]
    found = heard(judge(GENAI_BENCH, tmp_path), shown)
    hearings = {name: Hearing(name, 1, {0: ""}, {}, tuple(rows)) for name, rows in found.items()}
    assert summarise(some, hearings).headline.value == pytest.approx((0.75 + 0.75 + 0.25) / 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("for one in pictures", "for one in pictures[1:]"), "has 3 scores, expected 4"),
        (("torch.save(scores, ", "print("), "left 0 files of scores: expected one"),
        (("torch.save(scores, ", "open('x').write if 0 else open("), "cannot be read"),
    ],
)
def test_scores_of_other_prompts_are_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    script = SCRIPT.replace(*change)
    script = script.replace('_prompts.pt")', '_prompts.pt", "w")') if "cannot" in said else script
    write_script(tmp_path, GENAI_BENCH, script)
    shown = [Shown(item, 1, {0: ShownPicture(RED)}) for item in items(tmp_path)]
    with pytest.raises(ValueError, match=said):
        heard(judge(GENAI_BENCH, tmp_path), shown)
