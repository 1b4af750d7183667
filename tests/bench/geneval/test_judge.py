from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.bench.geneval.evidence import OBJECTS, objects_of
from irg.bench.geneval.judge import GenevalJudge
from irg.bench.geneval.summary import summarise
from irg.bench.protocol import Hearing, Shown, ShownPicture
from irg.core.picture import Picture
from irg.scorers.geneval.colours import TEMPLATES
from irg.scorers.geneval.verdict import COLOURS
from tests.bench.geneval.samples import items, write_prompts

pytest.importorskip("transformers", reason="transformers is not installed: pip install irg[bench]")
from irg.bench.geneval.prompts import read_prompts
from irg.scorers.geneval.asked import NAMES
from tests.scorers import models

WORDS = [text.format(colour=colour, name=name) for text in TEMPLATES for colour in COLOURS for name in NAMES]


def random_judge() -> GenevalJudge:
    return GenevalJudge(models.detector(sureness=100), models.clip(WORDS))


@pytest.fixture(scope="module")
def judge() -> GenevalJudge:
    return random_judge()


def shown(item, count: int = 2) -> Shown:
    rng = np.random.default_rng(0)
    patches = [Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)) for _ in range(count)]
    drawn = [Picture.of(one.resize((64, 64), Image.Resampling.BICUBIC)) for one in patches]
    return Shown(item, 1, {number: ShownPicture(one.data) for number, one in enumerate(drawn)})


def test_pictures_are_judged_by_real_models_of_random_weights(judge: GenevalJudge, tmp_path: Path) -> None:
    """From the picture to the number: the detector's objects, CLIP's colours, the verdict, the mean."""
    first = next(iter(judge.hear([shown(items(tmp_path)[0])])))[1]
    surest = objects_of(first[0].evidence)[0]
    assert surest.score > 0.9 and [row.picture for row in first] == [0, 1]
    asked = {
        "tag": "colors",
        "include": [{"class": surest.name, "count": 1, "color": "red"}],
        "prompt": "",
    }
    plain = {"tag": "single_object", "include": [{"class": surest.name, "count": 1}], "prompt": ""}
    some = read_prompts(write_prompts(tmp_path, [asked, plain]), "geneval")
    heard = {
        one.item.id: Hearing(one.item.id, 1, {0: "", 1: ""}, {}, tuple(rows))
        for one, rows in judge.hear([shown(item) for item in some])
    }
    coloured = heard["00000"].ok(0)[OBJECTS].evidence
    named = [one for one in coloured["objects"] if "colours" in one]
    assert named and all(NAMES[one["class"]] == surest.name and one["score"] > 0.3 for one in named)
    assert all(one["colour"] == COLOURS[int(np.argmax(one["colours"]))] for one in named)
    assert [one["score"] for one in coloured["objects"]] == [
        one.score for one in objects_of(first[0].evidence)
    ]
    summary = summarise(some, heard)
    assert summary.missing == {"no picture": 4}
    shares = {figure.name: (figure.value, figure.counted) for figure in summary.figures}
    assert shares["single_object"][0] in (0.5, 1.0) and shares["single_object"][1] == 2


def test_a_judge_says_all_that_decides_on_its_answers(judge: GenevalJudge) -> None:
    identity = judge.identity
    assert identity["detector"]["model"] == identity["clip"]["model"] == "random"
    assert len(identity["templates"]) == 16 and identity["detector"]["floor"] == 0.05
