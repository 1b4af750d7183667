import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from irg.bench.geneval.benchmark import GENEVAL, GENEVAL_LONG
from irg.bench.protocol import JudgeOptions
from tests.bench.cases import folder
from tests.bench.geneval.samples import PROMPTS, items, write_prompts


def test_the_official_tree_has_a_folder_for_each_prompt(tmp_path: Path) -> None:
    some = items(tmp_path)
    tree = GENEVAL.tree
    paths = [file.path for item in some for file in tree.files(item)]
    assert paths[:5] == [f"00000/samples/0000{number}" for number in range(4)] + ["00001/samples/00000"]
    assert all(re.fullmatch(tree.numbered, path) for path in paths)
    assert json.loads(tree.texts(some)["00003/metadata.jsonl"]) == PROMPTS[3]


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


def test_an_unknown_setting_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    options = JudgeOptions(tmp_path, tmp_path, {"detectr": "x"})
    with pytest.raises(ValueError, match="this judge knows detector"), GENEVAL.judge(options):
        pass
    options = JudgeOptions(tmp_path, tmp_path, {"detector": "no such model"})
    with pytest.raises(ValueError, match="no such model is neither a folder"), GENEVAL.judge(options):
        pass
