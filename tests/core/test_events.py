"""Events: what a generation may stream, and that those with arrays are told apart by identity."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest
import torch
from PIL import Image

from irg.core.events import DenoisingStep, Done, Event, ImageDone, ThoughtDelta, ThoughtDone

LATENTS, IMAGE = torch.zeros(4, 8), Image.new("RGB", (8, 8))


def test_an_event_is_one_of_five() -> None:
    assert set(get_args(Event)) == {ThoughtDelta, ThoughtDone, DenoisingStep, ImageDone, Done}


def test_events_of_text_are_equal_by_what_they_say() -> None:
    assert ThoughtDelta(1, "a") == ThoughtDelta(1, "a") != ThoughtDelta(2, "a")
    assert ThoughtDone(1, "a", 1, False, False) != ThoughtDone(1, "a", 1, True, False)


def test_events_with_arrays_can_be_compared_and_kept_in_sets() -> None:
    """Tensors have no one truth value, so such events are equal to themselves alone."""
    for event, twin in (
        (DenoisingStep(1, 1, 9, LATENTS, None), DenoisingStep(1, 1, 9, LATENTS, None)),
        (ImageDone(1, IMAGE, LATENTS), ImageDone(1, IMAGE, LATENTS)),
    ):
        assert event == event and event != twin
        assert len({event, twin}) == 2


def test_events_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ImageDone(1, IMAGE, LATENTS).turn = 2  # type: ignore[misc]
