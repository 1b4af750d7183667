"""Prompts out of files, in the forms that people keep them in."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from irg.core.files import MOST_FIELD
from irg.core.picture import Picture
from irg.curate.texts import prompt_files, read_pairs, read_prompts

PICTURE = Picture.of(Image.new("RGB", (4, 4), "red"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a cat\n\n  a dog \n")
    (tmp_path / "b.jsonl").write_text('{"prompt": "a cow"}\n{"id": 3}\n{"Prompt": "a fox"}\n')
    (tmp_path / "c.json").write_text(json.dumps([{"prompt": "an owl"}]))
    (tmp_path / "d.csv").write_text("id,prompt\n1,a bee\n")
    pq.write_table(pa.table({"prompt": ["a bat"], "image": [PICTURE.data]}), tmp_path / "e.parquet")
    return tmp_path


def test_reads_every_form(files: Path) -> None:
    found = [text.strip() for path in prompt_files([files]) for text in read_prompts(path)]
    assert found == ["a cat", "a dog", "a cow", "a fox", "an owl", "a bee", "a bat"]


@pytest.mark.parametrize("content", [b"prompt\ncaf\xe9\n", b"prompt\n" + b"x" * (MOST_FIELD + 1)])
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    for read in (lambda: read_prompts(path), lambda: read_pairs(path, ("prompt",), "image")):
        with pytest.raises(ValueError, match=r"pairs\.csv cannot be read as csv: "):
            list(read())


@pytest.mark.parametrize(
    "line", ['{"prompt": "x", "image": "gone.png"}', '{"prompt": "x", "image": 3}', '["x"]']
)
def test_a_picture_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"pairs.jsonl.*(gone.png|expected bytes or a path|no object)"):
        list(read_pairs(path, ("prompt",), "image"))
