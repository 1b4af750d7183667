"""One episode from its events to its files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from irg.cli.episode import record
from irg.cli.output import EpisodeFolder
from irg.core.events import DenoisingStep, Done, Event, ImageDone
from irg.core.trace import Trace, Turn, Verdict

IMAGES = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
LATENTS = torch.zeros(1, 4)


def events() -> Iterator[Event]:
    """Of two turns; the second image comes with a preview."""
    yield ImageDone(1, IMAGES[0], LATENTS)
    yield DenoisingStep(2, 1, 2, LATENTS, IMAGES[0])
    yield DenoisingStep(2, 2, 2, LATENTS, None)
    yield ImageDone(2, IMAGES[1], LATENTS)
    yield Done(Trace("a dog", tuple(Turn(None, image) for image in IMAGES), seed=3))


def test_verdicts_and_previews_go_to_their_turns(tmp_path: Path) -> None:
    said = {IMAGES[0].tobytes(): Verdict(False, ("red",)), IMAGES[1].tobytes(): None}
    with EpisodeFolder(tmp_path / "x") as folder:
        trace = record(events(), folder, lambda image: said[image.tobytes()], Console(quiet=True))
    assert [turn.verdict for turn in trace.turns] == [Verdict(False, ("red",)), None]
    assert [turn.verdict for turn in Trace.load(tmp_path / "x").turns] == [Verdict(False, ("red",)), None]
    assert [path.name for path in (tmp_path / "x" / "previews").iterdir()] == ["image2-step0001.png"]


def test_without_a_judge_nothing_is_said(tmp_path: Path) -> None:
    with EpisodeFolder(tmp_path / "x") as folder:
        trace = record(events(), folder, lambda image: None, Console(quiet=True))
    assert [turn.verdict for turn in trace.turns] == [None, None]


def test_an_episode_that_breaks_off_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ends with Done"), EpisodeFolder(tmp_path / "x") as folder:
        record(iter([ImageDone(1, IMAGES[0], LATENTS)]), folder, lambda image: None, Console(quiet=True))
    assert not (tmp_path / "x").exists()
