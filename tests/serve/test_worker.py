import pickle
from typing import Any

import pytest

from irg.core.events import ThoughtDelta
from irg.core.picture import Picture
from irg.pipeline import Pipeline
from irg.serve.history import History
from irg.serve.protocol import (
    Broke,
    Cancel,
    Ended,
    FaultKind,
    Leave,
    PictureDone,
    PictureProgress,
    Pulse,
    Submit,
)
from irg.serve.scheduler import Broken
from irg.serve.worker import Engine
from tests.serve.stepping import episode


class Told(list[Any]):
    """What an engine said, of one request or of itself."""

    def of(self, ticket: str) -> list[Any]:
        return [one[1] for one in self if isinstance(one, tuple) and one[0] == ticket]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def engine(pipeline: Pipeline, told: Told) -> Engine:
    return Engine(pipeline.parts, 100, 4, told.append)


def run(engine: Engine) -> None:
    for _ in range(200):
        engine.step()
        if engine.scheduler.is_idle:
            return


def submit(pipeline: Pipeline, ticket: str = "it", footprint: int = 1, keeps: bool = False) -> Submit:
    return Submit(
        ticket, "me", episode("a star", pipeline.settings.plan(1), pipeline), footprint, False, keeps
    )


def test_a_request_is_told_in_values_that_can_be_sent(pipeline: Pipeline, engine: Engine, told: Told) -> None:
    engine.take(submit(pipeline))
    run(engine)
    said = told.of("it")
    assert pickle.loads(pickle.dumps(said)) == said
    assert isinstance(said[0], ThoughtDelta) and said[-1].course is None
    (picture,) = [one for one in said if isinstance(one, PictureDone)]
    assert Picture(picture.data).open().size == (32, 32) and picture.num_tokens == 4
    assert [one.index for one in said if isinstance(one, PictureProgress)] == [1, 2]
    assert isinstance(told[-1], Pulse) and told[-1].running == 0


def test_what_it_came_to_is_sent_where_it_is_kept(pipeline: Pipeline, engine: Engine, told: Told) -> None:
    engine.take(submit(pipeline, keeps=True))
    run(engine)
    end = told.of("it")[-1]
    assert isinstance(end, Ended) and isinstance(course := pickle.loads(end.course or b""), History)
    assert len(course.marks) == 1 and course.num_tokens == end.num_tokens


def test_what_could_never_run_is_refused(pipeline: Pipeline, engine: Engine, told: Told) -> None:
    engine.take(submit(pipeline, footprint=101))
    (said,) = told.of("it")
    assert isinstance(said, Broke) and said.fault is FaultKind.REFUSED


@pytest.mark.parametrize(
    "error, fault",
    [
        (MemoryError(), FaultKind.MEMORY),
        (KeyError("it"), FaultKind.INTERNAL),
        (ValueError("no"), FaultKind.REFUSED),
    ],
)
def test_what_went_wrong_has_its_kind(engine: Engine, told: Told, error: Exception, fault: FaultKind) -> None:
    engine.scheduler.tell("it", Broken(error, "line 5"))
    (said,) = told.of("it")
    assert said.fault is fault and said.traceback == ("line 5" if fault is FaultKind.INTERNAL else "")


def test_nothing_more_is_told_of_who_was_cancelled(pipeline: Pipeline, engine: Engine, told: Told) -> None:
    engine.take(submit(pipeline))
    engine.take(Cancel("it"))
    run(engine)
    assert told.of("it") == [] and engine.scheduler.is_idle


def test_it_leaves_when_it_is_told_to(engine: Engine) -> None:
    engine.take(Leave())
    assert not engine.goes_on
