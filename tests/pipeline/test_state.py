import pytest

from irg.pipeline.state import Drawn


def test_an_account_of_seconds_is_added_to() -> None:
    before = Drawn(thought="a star")
    after = before.took("thought", 1.5).took("drawing", 2.0).took("thought", 0.25)
    assert after.seconds == {"thought": pytest.approx(1.75), "drawing": 2.0} and after.thought == "a star"
    assert before.seconds == {}, "a state that is kept stays what it is"
