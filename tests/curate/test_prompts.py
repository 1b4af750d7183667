"""Prompts of files and of the scene world, the same from anywhere."""

import asyncio
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.curate.prompts import FilePrompts, ScenePrompts
from irg.curate.texts import read_pairs

PICTURE = Picture.of(Image.new("RGB", (4, 4), "red"))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("a cat\n\n  a dog \n")
    (tmp_path / "b.jsonl").write_text('{"prompt": "a cow"}\n{"id": 3}\n{"Prompt": "a fox"}\n')
    (tmp_path / "c.json").write_text(json.dumps([{"prompt": "an owl"}]))
    (tmp_path / "d.csv").write_text("id,prompt\n1,a bee\n")
    pq.write_table(pa.table({"prompt": ["a bat"], "image": [PICTURE.data]}), tmp_path / "e.parquet")
    return tmp_path


def prompts(source: FilePrompts | ScenePrompts, start: int, count: int) -> list[str]:
    return [proposal.prompt for proposal in asyncio.run(source.proposals(start, count))]


def test_proposals_of_files_are_the_same_from_anywhere(files: Path) -> None:
    source = FilePrompts([files / "a.txt", files / "d.csv"], licence="CC0-1.0")
    assert [text.strip() for text in prompts(source, 0, 10)] == ["a cat", "a dog", "a bee"]
    assert prompts(source, 1, 1) == prompts(source, 0, 2)[1:]
    assert prompts(source, 2, 5) == ["a bee"] and prompts(source, 3, 5) == []
    moved = files / "moved"
    moved.mkdir()
    (moved / "a.txt").write_bytes((files / "a.txt").read_bytes())
    (moved / "d.csv").write_bytes((files / "d.csv").read_bytes())
    assert FilePrompts([moved], licence="CC0-1.0").identity == source.identity
    (moved / "d.csv").write_text("id,prompt\n1,a wasp\n")
    assert FilePrompts([moved], licence="CC0-1.0").identity != source.identity


def test_prompts_come_with_their_pictures(files: Path) -> None:
    (files / "one.png").write_bytes(PICTURE.data)
    (files / "pairs.jsonl").write_text('{"prompt": "a cat", "image": "one.png"}\n{"prompt": "a dog"}\n')
    assert list(read_pairs(files / "pairs.jsonl", ("prompt",), "image")) == [
        ("a cat", PICTURE),
        ("a dog", None),
    ]
    assert list(read_pairs(files / "e.parquet", ("prompt",), "image")) == [("a bat", PICTURE)]


def test_scenes_are_the_same_from_anywhere_and_in_their_shares() -> None:
    source = ScenePrompts({"single": 1, "counting": 3}, seed=2)
    whole = asyncio.run(source.proposals(0, 200))
    assert list(whole[50:60]) == list(asyncio.run(source.proposals(50, 10)))
    share = sum("counting" in proposal.source for proposal in whole) / 200
    assert 0.65 < share < 0.85 and {proposal.licence for proposal in whole} == {"Apache-2.0"}
    assert prompts(ScenePrompts({"single": 1, "counting": 3}, seed=3), 0, 5) != [p.prompt for p in whole[:5]]


@pytest.mark.parametrize("weights", [{}, {"single": -1.0}, {"single": 0.0}, {"elephants": 1.0}])
def test_refuses_families_that_there_are_not(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected weights of single, "):
        ScenePrompts(weights)
