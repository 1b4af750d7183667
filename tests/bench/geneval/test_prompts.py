import json
from pathlib import Path
from typing import Any

import pytest

from irg.bench.geneval.prompts import read_prompts
from irg.scorers.geneval.asked import TAGS
from tests.bench.cases import folder
from tests.bench.geneval.samples import PROMPTS, items, write_prompts


def test_each_line_is_an_item(tmp_path: Path) -> None:
    found = items(tmp_path)
    assert [item.id for item in found] == ["00000", "00001", "00002", "00003"]
    assert [item.facts for item in found] == list(PROMPTS)
    seeds = [seed for item in found for seed in item.seeds]
    assert len({*seeds}) == 16 and found == items(tmp_path)
    assert read_prompts(write_prompts(tmp_path), "geneval-long")[0].seeds != found[0].seeds


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tag": "smell"}, "expected a prompt with one of the tags single_object"),
        ({"prompt": None}, "expected a prompt with"),
        ({"include": []}, "expected a list of what to include"),
        ({"include": [{"class": "mouse", "count": 1}]}, "class 'mouse': expected one of person"),
        ({"include": [{"class": "cup", "count": 0}]}, "count 0: expected a whole number of at least 1"),
        ({"include": [{"class": "cup", "count": 1, "color": "grey"}]}, "color 'grey': expected one of red"),
        ({"include": [{"class": "cup", "count": 1, "position": ["on", 0]}]}, "position 'on': expected one"),
        (
            {"include": [{"class": "cup", "count": 1, "position": ["above", 0]}]},
            "number of an earlier object",
        ),
        ({"exclude": [{"class": "mouse", "count": 1}]}, "class 'mouse'"),
        ({"exclude": 5}, "exclude 5: expected a list"),
        ({"include": ["cup"]}, "'cup': expected a class with its count"),
        ({"include": [{"class": "cup", "count": 1, "position": 3}]}, "position 3: expected a relation"),
    ],
)
def test_what_cannot_be_scored_is_told_by_its_line(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    path = write_prompts(tmp_path, [PROMPTS[1], {**PROMPTS[0], **change}])
    with pytest.raises(ValueError, match=rf"evaluation_metadata\.jsonl, line 2: .*{expected}"):
        read_prompts(path, "geneval")
    path.write_text("{")
    with pytest.raises(ValueError, match="line 1 is not valid JSON"):
        read_prompts(path, "geneval")


def test_the_official_prompts_are_read_whole() -> None:
    path = folder().parent / "data" / "geneval" / "evaluation_metadata.jsonl"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    found = read_prompts(path, "geneval")
    counts = {tag: sum(item.facts["tag"] == tag for item in found) for tag in TAGS}
    assert counts == {
        "single_object": 80,
        "two_object": 99,
        "counting": 80,
        "colors": 94,
        "position": 100,
        "color_attr": 100,
    }
    assert [json.dumps(dict(item.facts)) for item in found] == path.read_text().splitlines()
