import pytest
from PIL import Image

from irg.core.events import ThoughtDone
from irg.pipeline.answer import Answered, pictures_of


@pytest.mark.parametrize(
    ("said", "thought", "text"),
    [
        ("three", None, "three"),
        ("<think>\none, two\n</think>\n\nthree", "one, two", "three"),
        ("three <think>two</think>", None, "three <think>two</think>"),
        ("<think>one, tw", "one, tw", ""),
    ],
)
def test_a_thought_is_told_apart_from_the_answer(said: str, thought: str | None, text: str) -> None:
    answered = Answered.of(ThoughtDone(1, said, 7, capped=True, reencoded=False))
    assert (answered.thought, answered.text, str(answered)) == (thought, text, text)
    assert answered.capped and answered.num_tokens == 7


def test_pictures_come_alone_as_several_or_not_at_all() -> None:
    grey = Image.new("L", (4, 3), 9)
    assert [len(pictures_of(shown)) for shown in (grey, [grey, grey], (grey,), [])] == [1, 2, 1, 0]
    assert pictures_of(grey)[0].mode == "RGB"
