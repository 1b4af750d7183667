"""Following a plan to its end, with a say in it for whoever asked: texts are changed before anything is drawn
by them, and an episode that is good enough ends and leaves its batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from irg.core.events import Done
from irg.core.trace import Trace
from irg.pipeline.episode import RowEvent
from irg.pipeline.rollout import Rollout
from irg.pipeline.settings import TurnPlan

Revise = Callable[[Trace, str], str]
"""From the episode so far and the thought that was written just now, to what is read in its place."""
Until = Callable[[Trace], bool]
"""Whether the episode so far, which ends with a new image, is to end there."""


@dataclass(frozen=True)
class Steering:
    """Who is asked after each thought and after each image; None for nobody."""

    revise: Revise | None = None
    until: Until | None = None


def follow(rollout: Rollout, turns: Sequence[TurnPlan], steering: Steering) -> Iterator[RowEvent]:
    """Take the turns, each episode up to where it is to end; the last event of each is `Done`."""
    rows = range(len(rollout.states))
    for turn_plan in turns:
        for place, event in _turn(rollout, turn_plan, steering):
            yield rows[place], event
        if steering.until is not None:
            traces = rollout.traces
            ended = [bool(steering.until(trace)) for trace in traces]
            for place in (place for place, is_over in enumerate(ended) if is_over):
                yield rows[place], Done(traces[place])
            going = [place for place, is_over in enumerate(ended) if not is_over]
            rollout, rows = rollout.only(going), [rows[place] for place in going]
            if not rows:
                return
    for row, trace in zip(rows, rollout.traces, strict=True):
        yield row, Done(trace)


def think_of(rollout: Rollout, turn_plan: TurnPlan, revise: Revise | None = None) -> Iterator[RowEvent]:
    """Begin a turn, and write its thoughts, if it has any, as whoever asked wants them."""
    rollout.look(turn_plan)
    if not turn_plan.think:
        return
    yield from rollout.think()
    if revise is None:
        return
    written = [state.drawn.thought or "" for state in rollout.states]
    wanted = [revise(state.begun, text) for state, text in zip(rollout.states, written, strict=True)]
    changed = [new if new != old else None for new, old in zip(wanted, written, strict=True)]
    if any(new is not None for new in changed):
        yield from rollout.rethink(changed)


def _turn(rollout: Rollout, turn_plan: TurnPlan, steering: Steering) -> Iterator[RowEvent]:
    yield from think_of(rollout, turn_plan, steering.revise)
    yield from rollout.draw(turn_plan)
