from irg.bench.items import Item
from irg.bench.oneig.dimensions import FIVE, PromptValues
from irg.bench.oneig.reading import Lettering
from irg.bench.oneig.scores import DIMENSIONS
from irg.bench.protocol import EvidenceRow, Hearing, Status

ALIGNMENT, TEXT, REASONING, STYLE, DIVERSITY = FIVE
ASKED = {"question": {"1": "?", "2": "?"}, "dependency": {"1": [0], "2": [1]}}
ALIGNED = Item("human-0", "p", (1, 2), {"class": "human", "type": "NP", "length": "short", **ASKED})


def heard(item: Item, *rows: EvidenceRow, shown: int = 2) -> Hearing:
    return Hearing(item.id, 1, dict.fromkeys(range(shown), "sha"), {}, rows)


def answers(picture: int, *given: str) -> list[EvidenceRow]:
    return [
        EvidenceRow(picture, f"alignment/{number}", {"answer": one})
        for number, one in enumerate(given, start=1)
    ]


def test_dimensions_are_in_their_order() -> None:
    assert tuple(one.name for one in FIVE) == DIMENSIONS


def test_a_picture_is_worth_what_its_rows_say() -> None:
    both = heard(ALIGNED, *answers(0, "Yes", "No"), *answers(1, "No", "Yes"))
    assert ALIGNMENT.found(ALIGNED, both) == ([0.5, 0.0], [])
    text = Item("text-0", "p", (1,), {"text": "['A b']", "length": "short"})
    read = heard(text, EvidenceRow(0, "text", {"answer": "A c"}), shown=1)
    assert TEXT.found(text, read) == ([Lettering(1, 1, 2)], [])
    styled = Item("anime-0", "p", (1,), {"style": "cubism"})
    near = heard(styled, EvidenceRow(0, "style", {"csd": [0.2, 0.6], "se": [-0.5, -0.1]}), shown=1)
    assert STYLE.found(styled, near) == ([0.3], [])
    far = heard(ALIGNED, EvidenceRow(None, "diversity", {"distances": [[0, 1, 0.4]]}))
    assert DIVERSITY.found(ALIGNED, far) == ([0.4], [])


def test_why_there_is_no_value_is_told_by_dimension() -> None:
    failed = EvidenceRow(1, "alignment/2", {}, Status.REFUSED)
    rows = [*answers(0, "Yes", "Yes"), *answers(1, "Yes"), failed]
    assert ALIGNMENT.found(ALIGNED, heard(ALIGNED, *rows)) == ([1.0], ["judge refused"])
    assert ALIGNMENT.found(ALIGNED, None) == ([], ["no picture", "no picture"])
    assert ALIGNMENT.found(ALIGNED, heard(ALIGNED, *answers(0, "Yes", "No"), shown=1)) == (
        [0.5],
        ["no picture"],
    )
    assert DIVERSITY.found(ALIGNED, heard(ALIGNED, shown=1)) == ([], ["fewer than two pictures"])
    assert DIVERSITY.found(ALIGNED, heard(ALIGNED, *rows)) == ([], ["not judged"])


def test_a_failure_in_one_dimension_is_none_in_another() -> None:
    item = Item("anime-0", "p", (1,), {"style": "cubism", "class": "anime", **ASKED})
    hearing = heard(item, *answers(0, "Yes", "Yes"), EvidenceRow(0, "style", {}, Status.JUDGE_ERROR), shown=1)
    assert ALIGNMENT.found(item, hearing) == ([1.0], [])
    assert STYLE.found(item, hearing) == ([], ["judge error"])


def test_a_dimension_is_about_some_items_and_divided_as_its_official_table() -> None:
    other = Item("text-0", "p", (1,), {"text": "a", "class": "text", "length": "long"})
    found = PromptValues.of(
        ALIGNMENT, [ALIGNED, other], {ALIGNED.id: heard(ALIGNED, *answers(0, "Yes", "Yes"))}
    )
    assert found.items == [ALIGNED] and found.values == {ALIGNED.id: [1.0]}
    assert found.missing == {"not judged": 1}
    assert set(found.parts) == {"alignment: human", "alignment: NP", "alignment: short"}
    assert set(PromptValues.of(DIVERSITY, [ALIGNED, other], {}).parts) == {
        *("diversity: human", "diversity: text", "diversity: NP", "diversity: short", "diversity: long")
    }
