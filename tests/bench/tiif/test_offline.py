import json
from pathlib import Path

import pytest

from irg.bench.protocol import EvidenceRow, Hearing
from irg.bench.readers import TEXT
from irg.bench.tiif.benchmark import prompts_file
from irg.bench.tiif.offline import TIIF_TEXT_RAPIDOCR, text_items
from tests.bench.cases import data_folder
from tests.bench.tiif.sources import write_sources

pytest.importorskip("scipy", reason="the matching of words needs scipy, of the extra `bench`")


def sources(folder: Path, short: str = 'a sign with "Open", "DAILY"') -> Path:
    row = {"type": "text", "short_description": short, "long_description": "a sign"}
    (write_sources(folder) / prompts_file("text")).write_text(json.dumps(row) + "\n")
    return folder


def test_words_are_those_in_quotes_of_the_short_form(tmp_path: Path) -> None:
    items = text_items(sources(tmp_path))
    assert [(item.id, item.facts["words"]) for item in items] == [
        ("text-short-0", ["open", "daily"]),
        ("text-long-0", ["open", "daily"]),
    ]
    with pytest.raises(ValueError, match="text-short-0: there are no words in quotes in 'a sign'"):
        text_items(sources(tmp_path, "a sign"))


def test_the_official_prompts_have_the_words_that_their_questions_ask_for(tmp_path: Path) -> None:
    data = data_folder("tiif")
    if not data.is_dir():
        pytest.skip(f"there are no official files at {data}")
    (tmp_path / "data").symlink_to(data.resolve())
    items = text_items(tmp_path)
    assert len(items) == 60
    for item in items:
        asked = [question.split("'")[1::2] for question in item.facts["questions"]]
        assert item.facts["words"] == ["'".join(parts).lower() for parts in asked]


def test_recall_and_distance_are_of_each_length_by_itself(tmp_path: Path) -> None:
    items = text_items(sources(tmp_path))
    row = EvidenceRow(0, TEXT, {"answer": "OPEN\nWeekly", "scores": [1, 1]})
    heard = {"text-short-0": Hearing("text-short-0", 1, {0: "sha"}, {}, (row,))}
    found = {name: summarise(items, heard) for name, summarise in TIIF_TEXT_RAPIDOCR.summaries.items()}
    assert found["recall short"].headline.value == 0.5 and found["recall short"].is_complete
    assert found["gned short"].headline.value == pytest.approx(2 / 3 / 2)
    assert found["recall long"].headline.value is None
    assert found["recall long"].missing == {"no picture": 1}
    assert found["recall short"].weights and not found["gned short"].weights, "lower is better"


def test_nothing_read_is_far_from_everything(tmp_path: Path) -> None:
    items = text_items(sources(tmp_path))
    row = EvidenceRow(0, TEXT, {"answer": "", "scores": []})
    heard = {"text-short-0": Hearing("text-short-0", 1, {0: "sha"}, {}, (row,))}
    found = {name: summarise(items, heard) for name, summarise in TIIF_TEXT_RAPIDOCR.summaries.items()}
    assert found["recall short"].headline.value == 0 and found["gned short"].headline.value == 1
