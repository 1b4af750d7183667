import hashlib

import pytest

from irg.bench.tiif.benchmark import prompts_file, questions_file
from irg.bench.tiif.groups import TYPES
from irg.bench.tiif.hashes import HASHES
from tests.bench.cases import data_folder


def test_there_are_two_files_of_each_type() -> None:
    assert set(HASHES) == set(TYPES)
    assert len({digest for hashes in HASHES.values() for digest in hashes}) == 78


def test_they_are_the_hashes_of_the_official_files() -> None:
    data = data_folder("tiif")
    if not data.is_dir():
        pytest.skip(f"there are no official files at {data}")
    for kind, hashes in HASHES.items():
        paths = [data / name(kind).removeprefix("data/") for name in (prompts_file, questions_file)]
        assert tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths) == hashes
