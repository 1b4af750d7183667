"""One episode from its first event to its files."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from PIL import Image
from rich.console import Console

from irg.cli.output import EpisodeFolder
from irg.cli.view import EpisodeView
from irg.core.events import DenoisingStep, Done, Event, ImageDone
from irg.core.trace import Trace, Verdict

Judge = Callable[[Image.Image], Verdict | None]


class Recorder:
    """Takes the events of one episode, and saves it, with the verdicts on its images, when it is done.

    The first image may be a given one, of which there are no events.
    """

    def __init__(self, folder: EpisodeFolder, judge: Judge, given: bool = False) -> None:
        self.folder, self.judge, self.num_given = folder, judge, int(given)
        self.verdicts: list[Verdict | None] = []
        self.trace: Trace | None = None
        """What was saved."""

    def take(self, event: Event) -> None:
        match event:
            case DenoisingStep() if event.preview is not None:
                self.folder.preview(len(self.verdicts) + self.num_given + 1, event)
            case ImageDone(image=image):
                self.verdicts.append(self.judge(image))
            case Done(trace=trace):
                given = [self.judge(turn.image) for turn in trace.turns[: self.num_given]]
                turns = zip(trace.turns, [*given, *self.verdicts], strict=True)
                self.trace = replace(
                    trace, turns=tuple(replace(turn, verdict=verdict) for turn, verdict in turns)
                )
                self.folder.save(self.trace)


def record(
    events: Iterator[Event], folder: EpisodeFolder, judge: Judge, console: Console, given: bool = False
) -> Trace:
    """Show an episode while it happens, and save it; the first image may be a given one."""
    recorder = Recorder(folder, judge, given)
    with EpisodeView(console, num_images=int(given)) as view:
        for event in events:
            view.show(event)
            recorder.take(event)
            if isinstance(event, ImageDone) and (verdict := recorder.verdicts[-1]) is not None:
                view.verdict(verdict)
    assert recorder.trace is not None, "an episode ends with Done"
    return recorder.trace
