from pathlib import Path

import pytest

from irg.bench.oneig.items import ANSWERS, PROMPTS, TEXTS, oneig_items, questions_file, questions_of
from tests.bench.cases import data_folder
from tests.bench.oneig.sources import write_sources


def test_every_class_has_what_it_is_judged_by(tmp_path: Path) -> None:
    items = {item.id: item for item in oneig_items(write_sources(tmp_path))}
    assert list(items) == ["anime-000", "anime-001", "human-000", "object-000", "text-000", "reasoning-000"]
    assert all(len(set(item.seeds)) == 4 for item in items.values())
    assert items["anime-001"].facts["style"] == "chinese_ink_painting"
    assert "style" not in items["anime-000"].facts
    assert items["text-000"].facts["text"] == "['Hello, World!']"
    assert items["reasoning-000"].facts["answer"] == "Because of clouds."
    assert items["reasoning-000"].facts["subject"] == "physics"
    asked = questions_of(items["human-000"])
    assert asked is not None and asked.texts == {1: "Is it there?", 2: "Is it red?"}
    assert asked.parents == {1: [0], 2: [1]}
    assert questions_of(items["text-000"]) is None


def test_the_official_files_make_1120_items(tmp_path: Path) -> None:
    data = data_folder("oneig")
    if not data.is_dir():
        pytest.skip(f"there are no official files at {data}")
    write_sources(tmp_path)
    places = {PROMPTS: "OneIG-Bench.csv", TEXTS: "text_content.csv"} | {
        questions_file(kind): f"Q_D/{kind}.json" for kind in ("anime", "human", "object")
    }
    for name, place in places.items():
        (tmp_path / name).write_bytes((data / place).read_bytes())
    answers = ", ".join(f'"{number:03d}": "a"' for number in range(225))
    (tmp_path / ANSWERS).write_text("{" + answers + "}")
    items = oneig_items(tmp_path)
    assert len(items) == 1120
    assert sum("style" in item.facts for item in items) == 114
    assert sum(len(asked.texts) for item in items if (asked := questions_of(item)) is not None) == 11231


@pytest.mark.parametrize(
    ("name", "before", "after", "problem"),
    [
        (PROMPTS, "Portrait", "Landscape", "category 'Landscape', expected one of"),
        (PROMPTS, "Portrait,000", "Portrait,009", "nothing is known of id 009"),
        (PROMPTS, "Chinese ink", "Finger", "style 'finger_painting' has no references"),
        (PROMPTS, "Anime_Stylization,001", "Anime_Stylization,000", "anime-000 is there already"),
        (PROMPTS, "prompt_en", "prompt", "has no columns prompt_en"),
        (questions_file("human"), r"{\"1\": [0]", r"{\"3\": [0]", "its questions cannot be read"),
        (ANSWERS, "000", "001", "nothing is known of id 000"),
    ],
)
def test_files_that_lack_something_are_told(
    tmp_path: Path, name: str, before: str, after: str, problem: str
) -> None:
    path = write_sources(tmp_path) / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(ValueError, match=problem):
        oneig_items(tmp_path)
