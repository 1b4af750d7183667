import json
import re
from pathlib import Path

import pytest

from irg.bench.geneval2.benchmark import GENEVAL2
from irg.bench.protocol import JudgeOptions
from tests.bench.geneval2.samples import items, write_prompts
from tests.bench.round_trip import check_round_trip


def test_beside_the_pictures_lies_what_the_official_script_is_told(tmp_path: Path) -> None:
    some = items(tmp_path)
    paths = [file.path for item in some for file in GENEVAL2.tree.files(item)]
    assert paths == ["0000", "0001"] and all(re.fullmatch(GENEVAL2.tree.numbered, path) for path in paths)
    told = json.loads(GENEVAL2.tree.texts(some)["image_paths.json"])
    assert told == {"two red cups": "0000.png", "a dog that runs": "0001.png"}


def test_items_are_read_from_the_official_file(tmp_path: Path) -> None:
    write_prompts(tmp_path)
    assert GENEVAL2.items(tmp_path) == items(tmp_path)
    assert [*GENEVAL2.summaries] == ["soft-tifa-gm", "soft-tifa-am", "tifa"] and GENEVAL2.scale == 100


def test_an_unknown_setting_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    for settings, expected in (
        ({"model": "no such model"}, "no such model is neither a folder"),
        ({"clip": "x"}, "this judge knows model, device"),
    ):
        with (
            pytest.raises(ValueError, match=expected),
            GENEVAL2.judge(JudgeOptions(tmp_path, tmp_path, settings)),
        ):
            pass


def test_pictures_come_through_the_official_tree_unchanged(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    check_round_trip(GENEVAL2.tree, items(tmp_path), tmp_path / "tree")
