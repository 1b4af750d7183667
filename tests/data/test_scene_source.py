import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from irg.core.trace import Trace
from irg.data.learning import Mode, document, modes_of
from irg.data.prepare import Preparer
from irg.data.scene_source import CAPTIONS, SceneKind, SceneSource
from irg.prep import Resize
from irg.world import (
    Family,
    FlawKind,
    Size,
    compare,
    fulfil,
    fulfils,
    is_held_out,
    judge,
    parse,
    parse_reflection,
    parse_thought,
    questions,
    read,
    render,
    thought,
)
from irg.world.flaws import Flaw
from irg.world.grammar import is_held_out_text
from irg.world.sentences import NOTHING_WRONG
from tests.data.small import config, tokenizer

SOURCE = SceneSource(seed=11)
EDITS = SceneSource(SceneKind.EDITS, seed=12)


@cache
def traces(source: SceneSource = SOURCE, count: int = 120) -> tuple[Trace, ...]:
    return tuple(source.read(index) for index in range(count))


def pictures(trace: Trace) -> list[np.ndarray]:
    return [np.asarray(turn.image) for turn in trace.turns]


def thoughts(trace: Trace) -> list[str]:
    return [turn.thought or "" for turn in trace.turns]


def sizeless(flaw: Flaw) -> Flaw:
    """Reflections do not say how large something extra is."""
    if flaw.kind is FlawKind.EXTRA and flaw.seen:
        return replace(flaw, seen=replace(flaw.seen, size=Size.SMALL))
    return flaw


def test_reflections_are_true() -> None:
    for trace in traces()[:60]:
        plan = parse_thought(thoughts(trace)[0])
        stated, better = parse_reflection(thoughts(trace)[1])
        assert better == plan
        assert [sizeless(flaw) for flaw in compare(read(pictures(trace)[0]), plan)] == list(stated)


def test_the_second_picture_is_the_plan_and_fulfils_the_prompt() -> None:
    for trace in traces()[:60]:
        seen = read(pictures(trace)[1])
        assert seen.scene.same_content(parse_thought(thoughts(trace)[0]))
        assert judge(parse(trace.prompt), seen) == ()


def test_what_is_right_stays_where_it_is() -> None:
    """Outside of the zones of flaws, and with one background, the pictures are the same to the pixel."""
    compared = 0
    for trace in traces()[:60]:
        flaws, plan = parse_reflection(thoughts(trace)[1])
        first, second = (picture.astype(int) for picture in pictures(trace))
        if any(flaw.kind is FlawKind.BACKGROUND for flaw in flaws):
            continue
        zones = {flaw.zone for flaw in flaws}
        for thing in plan.objects:
            if thing.zone not in zones:
                place = read(pictures(trace)[1]).scene.at(thing.zone)
                assert place is not None and place.pose is not None
                x, y = round(place.pose.x), round(place.pose.y)
                middle = np.s_[y - 6 : y + 7, x - 6 : x + 7]
                assert (first[middle] == second[middle]).all()
                compared += 1
    assert compared > 30


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_asked_share_of_first_pictures_is_right(share: float) -> None:
    several = traces(SceneSource(seed=11, right=share))
    right = [thoughts(trace)[1].startswith(NOTHING_WRONG) for trace in several]
    assert abs(np.mean(right) - share) < 0.13  # three standard errors
    for trace, is_right in zip(several[:30], right, strict=False):
        first, second = pictures(trace)
        assert is_right == (first == second).all()


def test_answers_are_true_and_captions_as_frequent_as_meant() -> None:
    rng, checked = np.random.default_rng(0), 0
    first_are_captions = []
    for trace in traces()[:60]:
        seen = read(pictures(trace)[1]).scene
        # Which of a kind's questions is asked is random: ask often.
        answers = dict(pair for _ in range(40) for pair in questions(seen, rng))
        for question, answer in trace.questions:
            assert answers.get(question, answer) == answer
            checked += question in answers
        first_are_captions.append(trace.questions[0][1] == thought(parse_thought(thoughts(trace)[0])))
    assert checked > 200
    assert abs(np.mean(first_are_captions) - CAPTIONS) < 0.2


def test_edits_change_what_they_say_and_nothing_else() -> None:
    for trace in traces(EDITS)[:20]:
        assert trace.source is not None and modes_of(trace) == (Mode.EDIT,)
        before, after = (read(np.asarray(image)).scene for image in (trace.source, trace.turns[0].image))
        assert before.background is after.background
        (zone,) = {thing.zone for thing in {*before.content.objects} ^ {*after.content.objects}}
        assert trace.prompt.endswith(zone) or f" {zone} " in trace.prompt


def test_training_sees_no_held_out_text() -> None:
    prompts = [SceneSource(seed=5).sketch(index).prompt for index in range(300)]
    assert not any(is_held_out_text(prompt) for prompt in prompts)
    assert not any(is_held_out_text(trace.prompt) for trace in traces())
    assert {parse(prompt).family for prompt in prompts} == set(Family)


def test_training_shows_no_held_out_pair_or_count() -> None:
    for trace in traces():
        flaws, plan = parse_reflection(thoughts(trace)[1])
        assert not is_held_out(plan)
        assert not flaws or not is_held_out(read(pictures(trace)[0]).scene)
    for trace in traces(EDITS)[:50]:
        for image in (trace.source, trace.turns[0].image):
            assert not is_held_out(read(np.asarray(image)).scene)


def test_the_check_for_held_out_scenes_can_fail() -> None:
    rng = np.random.default_rng(7)
    for prompt in ("a green star", "three stars"):
        assert is_held_out(read(render(fulfil(parse(prompt), rng))).scene)


@pytest.mark.parametrize("source", [SOURCE, EDITS], ids=lambda source: source.kind)
def test_a_sketch_is_the_trace_without_pixels(source: SceneSource) -> None:
    size = Resize(128, 128, 16)
    preparer = Preparer(config(), tokenizer(), size, size)
    for index in range(5):
        trace, sketch = source.read(index), source.sketch(index)
        assert (trace.prompt, thoughts(trace), trace.questions) == (
            sketch.prompt,
            thoughts(sketch),
            sketch.questions,
        )
        for mode in modes_of(trace):
            lengths = [preparer.measure(document(one, mode, "x")) for one in (trace, sketch)]
            assert lengths[0] == lengths[1]


def test_a_row_is_the_same_in_every_process_and_rows_differ() -> None:
    copy = pickle.loads(pickle.dumps(SOURCE))
    one, same = SOURCE.read(5), copy.read(5)
    assert one.prompt == same.prompt and (pictures(one)[0] == pictures(same)[0]).all()
    assert len({trace.prompt for trace in traces()}) > 60
    assert len({trace.id for trace in traces()}) == len(traces())


def test_there_are_as_many_rows_as_asked_for() -> None:
    small = SceneSource(size=3)
    assert len(small) == 3 and small.group_sizes == (3,) and len(list(small.survey())) == 3
    with pytest.raises(IndexError, match="row 3 of 3"):
        small.read(3)


@pytest.mark.parametrize("kind", [SceneKind.EPISODES, SceneKind.MALFORMED])
def test_plans_and_reflections_name_objects_in_the_order_of_the_prompt(kind: SceneKind) -> None:
    num_apart = 0
    for trace in traces(SceneSource(kind, seed=15), 60):
        request, plan = parse(trace.prompt), parse_thought(thoughts(trace)[0])
        first, better = thoughts(trace)[0], thoughts(trace)[1].partition("Better: ")[2]
        assert first == better == thought(plan, request)
        num_apart += first != thought(plan)
    assert num_apart


def test_wrong_plans_are_wrong_and_what_follows_mends_them() -> None:
    source = SceneSource(SceneKind.MISPLANNED, seed=13)
    mirrored = 0
    for trace in traces(source, 40):
        request, plan = parse(trace.prompt), parse_thought(thoughts(trace)[0])
        flaws, better = parse_reflection(thoughts(trace)[1])
        assert not fulfils(plan, request)
        assert fulfils(better, request)
        assert read(pictures(trace)[0]).scene.same_content(plan)
        assert read(pictures(trace)[1]).scene.same_content(better)
        assert flaws
        assert not is_held_out(plan)
        assert set(modes_of(trace)) == {"improving_understanding", "improving_thinking", "improving_full"}
        only_relation = request.direction is not None and len(plan.objects) == request.num_objects
        mirrored += only_relation and " not " in " ".join(judge(request, read(pictures(trace)[0])))
    assert mirrored


def test_malformed_scenes_say_what_the_oracle_does_not_find_clear():
    source = SceneSource(SceneKind.MALFORMED, seed=14)
    kinds = set()
    num_right = 0
    for trace in traces(source, 40):
        plan = parse_thought(thoughts(trace)[0])
        flaws, better = parse_reflection(thoughts(trace)[1])
        assert fulfils(plan, parse(trace.prompt))
        assert better == plan
        first, second = (read(picture) for picture in pictures(trace))
        assert {flaw.zone for flaw in flaws} == {flaw.zone for flaw in compare(first, plan)}
        assert second.is_clean and second.scene.same_content(plan)
        kinds |= {flaw.kind for flaw in flaws}
        num_right += not flaws
        assert set(modes_of(trace)) == {"improving_understanding", "improving_thinking", "improving_full"}
    assert FlawKind.UNCLEAR in kinds
    assert 5 <= num_right <= 30
