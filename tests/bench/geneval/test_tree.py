import json
import re
from pathlib import Path

from irg.bench.geneval.tree import TREE
from tests.bench.geneval.samples import PROMPTS, items
from tests.bench.round_trip import check_round_trip


def test_there_is_a_folder_for_each_prompt_with_its_line(tmp_path: Path) -> None:
    some = items(tmp_path)
    paths = [file.path for item in some for file in TREE.files(item)]
    assert paths[:5] == [f"00000/samples/0000{number}" for number in range(4)] + ["00001/samples/00000"]
    assert all(re.fullmatch(TREE.numbered, path) for path in paths)
    assert json.loads(TREE.texts(some)["00003/metadata.jsonl"]) == PROMPTS[3]


def test_pictures_come_through_the_official_tree_unchanged(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    check_round_trip(TREE, items(tmp_path), tmp_path / "tree")
