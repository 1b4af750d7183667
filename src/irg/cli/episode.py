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


def record(events: Iterator[Event], folder: EpisodeFolder, judge: Judge, console: Console) -> Trace:
    """Show an episode while it happens and save it, with the verdicts on its images, when it is done."""
    verdicts: list[Verdict | None] = []
    with EpisodeView(console) as view:
        for event in events:
            view.show(event)
            match event:
                case DenoisingStep() if event.preview is not None:
                    folder.preview(len(verdicts) + 1, event)
                case ImageDone(image=image):
                    verdicts.append(verdict := judge(image))
                    if verdict is not None:
                        view.verdict(verdict)
                case Done(trace=trace):
                    turns = zip(trace.turns, verdicts, strict=True)
                    trace = replace(trace, turns=tuple(replace(turn, verdict=said) for turn, said in turns))
                    folder.save(trace)
                    return trace
    raise AssertionError("an episode ends with Done")
