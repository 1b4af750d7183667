from dataclasses import replace

from irg.rl.episodes import Sibling, WrittenText
from tests.rl.played import made, play


def test_an_episode_says_what_became_of_its_first_picture() -> None:
    sibling = play(made()[1], slots=(0,)).groups[0].siblings[0]

    def ended(*grades: float) -> Sibling:
        return replace(sibling, grades=grades)

    told = [(one.is_repaired, one.is_damaged) for one in (ended(0.3, 0.4, 1.0), ended(0.3, 1.0, 0.4))]
    assert told == [(True, None), (False, None)]
    assert [(one.is_repaired, one.is_damaged) for one in (ended(1.0, 1.0), ended(1.0, 0.2))] == [
        (None, False), (None, True),
    ]  # fmt: skip
    assert ended(0.3, 0.4).is_changed and not ended(0.3, 0.3).is_changed
    text: WrittenText = sibling.texts[0]
    both = (replace(text, is_valid=True), replace(text, is_valid=False))
    assert not replace(sibling, texts=both).is_valid and replace(sibling, texts=both[:1]).is_valid
