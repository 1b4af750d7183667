from dataclasses import replace

from PIL import Image

from irg.core import Kind, Role
from irg.pipeline.plans.context import ContextEntry, EpisodeContent, Given, Made
from irg.pipeline.plans.pieces import Each, Say
from irg.pipeline.plans.texts import ReadText

PICTURE = Image.new("RGB", (16, 16))


def content(number: int = 3) -> EpisodeContent:
    made = tuple(
        one
        for place in range(number)
        for one in (
            Made("T", place, place + 1, ReadText(f"whole{place}", f"part{place}", f"new{place}")),
            Made("I", place, place + 1, image=PICTURE),
        )
    )
    return EpisodeContent(Given("a star", {"": "system", "look": "looking"}), made, number, 0)


def told(*pieces: str | Each | Say) -> list[str]:
    return [str(entry) for entry in content().read(pieces)]


def test_names_are_the_newest_and_each_is_all_passes_before() -> None:
    assert told("system.look", "prompt", "T", "I:cv") == ["S.look", "P", "T2", "CLEAN(I2)", "VIEW(I2)"]
    assert told(Each(each=("T:whole", "I:v"))) == ["T1", "VIEW(I1)", "T2", "VIEW(I2)"]
    assert told("newest:c") == ["CLEAN(I2)"]


def test_a_text_is_read_in_three_forms() -> None:
    texts = [entry.text for entry in content().read(("T", "T:whole", "T:canonical"))]
    assert texts == ["part2", "whole2", "new2"]


def test_a_text_that_is_taken_whole_is_one_segment_under_both_names() -> None:
    made = (Made("T", 0, 1, ReadText("all", "all")),)
    one, other = EpisodeContent(Given("p"), made, 0, 0).read(("T", "T:whole"))
    assert one == other


def test_a_fixed_text_is_filled_in() -> None:
    (entry,) = content().read((Say(say="{prompt}, {T}, {round}"),))
    assert (entry.text, entry.kind, entry.role) == ("a star, part2, 3", Kind.TEXT, Role.QUESTION)


def test_a_system_prompt_that_is_not_there_is_nothing() -> None:
    assert EpisodeContent(Given("p"), (), 0, 0).read(("system",)) == ()


def test_what_is_read_twice_is_the_same() -> None:
    first, second = content().read(("prompt", "prompt"))
    assert first == second


def test_what_was_made_after_a_place_is_not_held_there() -> None:
    content = EpisodeContent(Given("p", {"": "s"}), (), 0, 0)
    sources = ("prompt", "system", "input0", "say", "0.0", "1.0")
    entries = [ContextEntry(Kind.TEXT, source) for source in sources]
    assert [content.holds(one) for one in entries] == [True] * 4 + [False] * 2
    made = replace(content, made=(Made("T", 0, 1),))
    assert [made.holds(one) for one in entries] == [True] * 5 + [False]
