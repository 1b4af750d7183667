import pickle

from irg.pipeline import Pipeline
from irg.serve.history import PlanHistory
from tests.pipeline.plans.test_runner import small
from tests.serve.stepping import Stepped
from tests.serve.test_planned import asked, ended


def test_a_history_travels_as_bytes_with_all_that_it_takes_to_go_on(pipeline: Pipeline) -> None:
    history = ended(Stepped(pipeline), asked(pipeline, small("irg")))
    again = pickle.loads(pickle.dumps(history))
    assert isinstance(again, PlanHistory) and again.num_tokens == history.num_tokens > 0
    entries = {entry for mark in again.marks for entry in mark.course.content.read(("prompt", "T", "I:cv"))}
    assert entries <= {*again.segments}, "what was read is known by the same names"
