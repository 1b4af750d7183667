from irg.core.events import ThoughtDone, trace_of
from irg.core.trace import Trace
from irg.pipeline import Pipeline
from tests.pipeline.test_pipeline import pictures
from tests.pipeline.watching import PROMPT, Witness, course, history


def test_a_changed_thought_is_what_is_drawn_by_and_what_the_trace_holds(
    pipeline: Pipeline, witness: Witness
) -> None:
    seen: list[tuple[int, str]] = []

    def revise(begun: Trace, thought: str) -> str:
        seen.append((len(begun.turns), thought))
        return "a small green star" if begun.turns else thought

    events = list(pipeline.generate(PROMPT, revise=revise))
    assert course(events) == "~1 T1 1:1/2 1:2/2 I1 ~2 T2 T2 2:1/2 2:2/2 I2 D"
    told = [event.text for event in events if isinstance(event, ThoughtDone)]
    assert told == [seen[0][1], seen[1][1], "a small green star"] and [num for num, _ in seen] == [0, 1]
    first, second = trace_of(events).turns
    assert (first.thought, first.revised) == (seen[0][1], False) and first.capped
    assert (second.thought, second.revised, second.capped) == ("a small green star", True, False)
    assert history(witness.sketches[1].main) == "S P1 T1 C1 V1 T2"
    plain = pipeline(PROMPT)
    assert pictures(plain)[0] == pictures(trace_of(events))[0]
    assert pictures(plain)[1] != pictures(trace_of(events))[1]


def test_an_episode_ends_where_it_is_to(pipeline: Pipeline) -> None:
    seen: list[int] = []

    def until(so_far: Trace) -> bool:
        seen.append(len(so_far.turns))
        return len(so_far.turns) == 2

    plan = pipeline.settings.plan(4)
    assert pictures(pipeline(PROMPT, plan, until=until)) == pictures(pipeline(PROMPT))
    assert seen == [1, 2]


def test_a_row_that_ended_leaves_the_batch(pipeline: Pipeline, witness: Witness) -> None:
    prompts, plan = [PROMPT, "a star", "a heart"], pipeline.settings.plan(3)
    enough = {PROMPT: 2, "a star": 1, "a heart": 9}

    def until(so_far: Trace) -> bool:
        return len(so_far.turns) == enough[so_far.prompt]

    events = list(pipeline.generate_batch(prompts, plan, until=until))
    assert [len(sketches) for sketches in witness.drawings] == [3, 2, 1]
    for row, (prompt, turns) in enumerate(zip(prompts, (2, 1, 3), strict=True)):
        trace = trace_of(event for place, event in events if place == row)
        assert (trace.prompt, trace.seed, len(trace.turns)) == (prompt, row, turns)
    assert [trace.prompt for trace in pipeline.many(prompts, plan, until=until)] == prompts
