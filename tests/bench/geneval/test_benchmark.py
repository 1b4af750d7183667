from hashlib import sha256
from pathlib import Path

import pytest

from irg.bench.geneval.benchmark import GENEVAL, GENEVAL_LONG
from irg.bench.protocol import JudgeOptions
from tests.bench.cases import folder
from tests.bench.geneval.samples import PROMPTS, items, write_prompts


def test_the_two_sets_of_prompts_are_two_benchmarks(tmp_path: Path) -> None:
    path = write_prompts(tmp_path)
    assert [item.prompt for item in GENEVAL.items(tmp_path)] == [one["prompt"] for one in PROMPTS]
    path.rename(tmp_path / "evaluation_metadata_long.jsonl")
    assert GENEVAL_LONG.items(tmp_path)[0].seeds != items(tmp_path)[0].seeds
    assert {GENEVAL.name, GENEVAL_LONG.name} == {"geneval", "geneval-long"}


def test_the_hash_is_that_of_the_official_file() -> None:
    path = folder().parent / "data" / "geneval" / "evaluation_metadata.jsonl"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    assert sha256(path.read_bytes()).hexdigest() == GENEVAL.sources[0].sha256


def test_what_the_judge_cannot_be_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    for settings, expected in (
        ({"detectr": "x"}, "this judge knows detector, clip, device"),
        ({"detector": "no such model"}, "no such model is neither a folder"),
    ):
        options = JudgeOptions(tmp_path, tmp_path, settings)
        with pytest.raises(ValueError, match=expected), GENEVAL.judge(options):
            pass
