from dataclasses import replace

from irg.core import Kind
from irg.pipeline import Pipeline
from irg.pipeline.plans.episode import BEGUN, ended, state_of, with_segments
from irg.pipeline.state import Drawn
from tests.pipeline.plans.test_runner import small
from tests.pipeline.watching import PROMPT, photo


def test_a_list_is_read_from_the_longest_strand_that_began_like_it(pipeline: Pipeline) -> None:
    run = pipeline.planned(small("bagel-think"), [PROMPT])
    (episode,) = run.episodes
    wanted = episode.course.entries
    (episode,) = with_segments(run.parts, [episode], [wanted])
    start, rest = episode.beginning_of(wanted)
    assert start.history == episode.strands[BEGUN].history and len(rest) == 1
    other, rest = episode.beginning_of(wanted[1:])
    assert other.history == () and other.slot is episode.slot and len(rest) == 1


def test_a_picture_is_encoded_once_however_often_it_is_read(pipeline: Pipeline) -> None:
    run = pipeline.planned(small("bagel-edit"), [PROMPT], [photo(32, 32)])
    (episode,) = run.episodes
    main = episode.course.contexts.main
    (once,) = with_segments(run.parts, [episode], [main])
    (again,) = with_segments(run.parts, [once], [main])
    clean = next(entry for entry in main if entry.kind is Kind.CLEAN)
    assert again.segments[clean] is once.segments[clean]
    assert state_of(run.parts, once).plan.size == (32, 32)


def test_a_last_text_is_a_turn_that_keeps_the_picture_or_the_answer(pipeline: Pipeline) -> None:
    run = pipeline.planned(small("irg").with_turns(1), [PROMPT])
    list(run.follow())
    (episode,) = run.episodes
    said = replace(episode, drawn=Drawn(thought="Nothing is wrong."))
    after, kept = ended(said)
    assert kept is not None and kept.image is episode.trace.image
    assert [turn.kept for turn in after.trace.turns] == [False, True]
    after, kept = ended(replace(said, trace=replace(said.trace, turns=())))
    assert kept is None and after.trace.answer == "Nothing is wrong."
    assert ended(episode) == (episode, None) or not ended(episode)[0].trace.answer
