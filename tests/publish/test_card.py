"""The card: every number that it gives is one of the inventory's, and no section stands there empty."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from irg.data.trace_rows import PUBLISHED_FEATURES
from irg.publish import Packaging
from irg.publish.card import Making, card, size_of
from irg.publish.card_front import Title
from irg.publish.inventory import Inventory, SetPart

TITLE = Title("Scenes", "mit")
KNOWN = Making({"recipe": {"seed": 3}}, {"judge": {"worse": 2, "equal": 1500}, "filter": {"plain": 1}}, 0.25)
NOTHING = Making({}, {}, None)


def inventory(**changed: Any) -> Inventory:
    found = Inventory(
        parts={
            "train": SetPart(1200, 5000, Counter(refine=1200, direct=7)),
            "held_out": SetPart(34, 90, Counter(refine=34)),
        },
        num_available=1234,
        sizes=Counter({(64, 64): 2400, (128, 64): 68}),
        right=Counter({1: 3, 2: 1000}),
        judged=Counter({1: 1234, 2: 1234}),
        licences=Counter({"MIT": 1200, "": 34}),
        sources=Counter({"scene world": 1234}),
        relations=Counter(better=1200, equal=34),
        makers=Counter({("draw", 2, "painter"): 1234, ("judge", 1, ""): 1200}),
    )
    found.words[1] = Counter({4: 1, 9: 1, 10: 1, 300: 1})
    found.words[2] = Counter({12: 5})
    return replace(found, **changed)


def text(found: Inventory, making: Making = KNOWN, layout: Packaging = Packaging.PARQUET) -> str:
    return card(TITLE, found, making, layout, 1_234_567)


def section(text: str, name: str) -> str:
    """The words under a heading, up to the next one."""
    return text.partition(f"\n## {name}\n\n")[2].partition("\n## ")[0]


def test_a_card_has_a_head_a_title_and_its_sections() -> None:
    said = text(inventory())
    empty, head, body = said.split("---\n", 2)
    front = yaml.safe_load(head)
    assert empty == "" and front["pretty_name"] == "Scenes" and front["license"] == "mit"
    assert front["dataset_info"]["download_size"] == 1_234_567
    assert body.startswith("\n# Scenes\n\n1,234 traces of interleaved reasoning: a prompt,")
    assert [line[3:] for line in body.splitlines() if line.startswith("## ")] == [
        *("What is in it", "How to read it", "Columns", "How it was made"),
        *("What was rejected on the way", "Split", "Licence and sources", "Limits"),
    ]
    assert said.endswith(".\n") and "\n\n\n" not in said


def test_a_publisher_says_what_the_set_is() -> None:
    said = card(replace(TITLE, about=" Of cats. \n"), inventory(), KNOWN, Packaging.PARQUET, 1)
    assert "\n# Scenes\n\nOf cats.\n\n## What" in said and "traces of interleaved" not in said


def test_all_counts_are_told() -> None:
    said = section(text(inventory()), "What is in it")
    for row in (
        "| train | 1,200 |",
        "| held_out | 34 |",
        "| on disk | 1,234,567 bytes |",
        "| pictures | 64x64 (2,400), 128x64 (68) |",
        "| first thought | median 9 words, at most 300 |",
        "| thought 2 (reflection) | median 12 words, at most 12 |",
        "| picture 1 judged right | 3 of 1,234 |",
        "| picture 2 judged right | 1,000 of 1,234 |",
        "| last picture against first | better (1,200), equal (34) |",
        "| direct | 7 |",
        "| refine | 1,234 |",
    ):
        assert f"\n{row}\n" in f"\n{said}\n", row
    assert "extract" not in said


def test_an_extract_says_of_how_much_and_many_sizes_are_cut_short() -> None:
    sizes = Counter({(side, side): 10 - side for side in range(1, 8)})
    said = text(inventory(num_available=5000, sizes=sizes))
    assert "| extract | 1,234 of 5,000 traces, chosen by a hash of their ids |" in said
    assert "| pictures | 1x1 (9), 2x2 (8), 3x3 (7), 4x4 (6), 5x5 (5), and 2 other sizes |" in said


def test_what_was_not_judged_is_not_told_of() -> None:
    said = text(inventory(judged=Counter(), relations=Counter()))
    assert "judged right" not in said and "against first" not in said


def test_it_says_how_to_read_the_files_that_there_are() -> None:
    tables, tars = text(inventory()), text(inventory(), layout=Packaging.WEBDATASET)
    assert 'split="train")[0]' in section(tables, "How to read it") and "webdataset" not in tables
    assert "data/train/train-000000.tar" in section(tars, "How to read it") and "## Columns" not in tars
    columns = section(tables, "Columns")
    for name in PUBLISHED_FEATURES.keys() - {"source_width", "source_height"}:
        assert f"| `{name}` |" in columns, f"{name} has no meaning"
    assert "| `images` | list of images |" in columns and "| `turns` | list of structures |" in columns
    assert "| `seed` | int64 |" in columns and "| `source` | image |" in columns


def test_stages_and_the_recipe_are_told() -> None:
    said = section(text(inventory()), "How it was made")
    assert "| draw | 2 | painter | 1,234 |\n| judge | 1 |  | 1,200 |" in said
    assert said.rstrip().endswith("```yaml\nrecipe:\n  seed: 3\n```\n\n</details>")
    unknown = section(text(inventory(makers=Counter()), NOTHING), "How it was made")
    assert unknown.strip() == "The traces do not say."


def test_a_recipe_does_not_end_its_own_fence() -> None:
    said = text(inventory(), replace(KNOWN, provenance={"template": "Say:\n````\nit\n````\n"}))
    _, fence, recipe = section(said, "How it was made").partition("`````yaml\n")
    assert fence and recipe.count("`````") == 1


def test_rejects_are_told_by_stage_the_most_first() -> None:
    said = section(text(inventory()), "What was rejected on the way").strip().splitlines()
    assert said[-3:] == ["| judge | equal | 1,500 |", "| judge | worse | 2 |", "| filter | plain | 1 |"]
    assert "rejected" not in text(inventory(), NOTHING)


def test_the_split_is_told() -> None:
    assert "A share of 0.25 of all prompts was asked for." in section(text(inventory()), "Split")
    kept = section(text(inventory(), NOTHING), "Split")
    assert "is held out from training" in kept and "asked for" not in kept
    alone = inventory(parts={"train": SetPart(3)})
    assert section(text(alone, NOTHING), "Split").strip() == "All traces are in one part."
    assert "A share of 0.25" in section(text(alone), "Split")


def test_licences_and_sources_are_told() -> None:
    found = inventory(sources=Counter({f"book {n}": 100 - n for n in range(40)}) + Counter({"": 500}))
    said = section(text(found), "Licence and sources")
    assert said.startswith("The set: mit. The prompts: MIT (1,200), not said (34).\n")
    assert "| not said | 500 |\n| book 0 | 100 |" in said
    assert "| book 28 | 72 |" in said and "book 29" not in said
    with pytest.raises(ValueError, match="34 of 1,234 traces do not say under which licence"):
        card(Title("Scenes"), found, KNOWN, Packaging.PARQUET, 1)


def test_models_are_named_where_their_mistakes_are() -> None:
    assert "were made by programs (painter), and carry" in section(text(inventory()), "Limits")
    assert "were made by programs, and carry" in section(text(inventory(makers=Counter())), "Limits")


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one").write_bytes(b"12345")
    (tmp_path / ".two").write_bytes(b"123")
    assert size_of(tmp_path) == 8
