import re
from hashlib import sha256
from pathlib import Path

import pytest

from irg.bench.genai.benchmark import GENAI_BENCH, GENAI_BENCH_527
from irg.bench.protocol import JudgeOptions
from tests.bench.cases import folder
from tests.bench.genai.samples import items, write_prompts
from tests.bench.round_trip import check_round_trip


def test_pictures_lie_side_by_side(tmp_path: Path) -> None:
    tree = GENAI_BENCH.tree
    paths = [file.path for item in items(tmp_path) for file in tree.files(item)]
    assert paths == ["00000", "00001", "00002", "00003"] and tree.suffixes[0] == ".jpeg"
    assert all(re.fullmatch(tree.numbered, path) for path in paths)


def test_the_two_sets_of_prompts_are_two_benchmarks(tmp_path: Path) -> None:
    write_prompts(tmp_path)
    assert GENAI_BENCH.items(tmp_path)[0].seeds != GENAI_BENCH_527.items(tmp_path)[0].seeds


def test_the_hashes_are_those_of_the_official_files() -> None:
    path = folder().parent / "data" / "genai" / "527"
    if not path.is_dir():
        pytest.skip(f"there is no {path}")
    for file in GENAI_BENCH_527.sources:
        assert sha256((path / file.path).read_bytes()).hexdigest() == file.sha256


def test_an_unknown_setting_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    options = JudgeOptions(tmp_path, tmp_path, {"vqascore": "no such model"})
    with pytest.raises(ValueError, match="no such model is neither a folder"), GENAI_BENCH.judge(options):
        pass
    options = JudgeOptions(tmp_path, tmp_path, {"clip": "x"})
    with (
        pytest.raises(ValueError, match="this judge knows vqascore, device"),
        GENAI_BENCH.judge(options),
    ):
        pass


def test_pictures_come_through_the_official_tree_unchanged(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    check_round_trip(GENAI_BENCH.tree, items(tmp_path), tmp_path / "tree")
