"""What a run is told: bounds, and where it ends."""

from pathlib import Path

import pytest

from irg.core.settings import checked
from irg.run.settings import SavingSettings
from tests.run.toy import settings


@pytest.mark.parametrize(
    ("steps", "stop_at", "last"), [(8, None, 8), (8, 3, 3), (None, None, None), (None, 3, 3)]
)
def test_a_run_ends_where_it_is_left_off_or_with_its_steps_or_its_feed(
    steps: int | None, stop_at: int | None, last: int | None
) -> None:
    assert settings(Path("out"), steps=steps, stop_at=stop_at).last == last


def test_the_newest_two_checkpoints_are_kept_whole_unless_it_is_said() -> None:
    assert SavingSettings() == SavingSettings(every=500, keep=2, frozen=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"every": 0}, "checkpoint: every: 0: Input should be greater than or equal to 1"),
        ({"keep": 0}, "checkpoint: keep: 0: Input should be greater than or equal to 1"),
        ({"kept": 3}, "checkpoint: kept: there is no such setting; did you mean keep?"),
    ],
)
def test_without_checkpoints_there_is_no_run(given: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked(SavingSettings, given, "checkpoint")
    assert str(caught.value) == message
