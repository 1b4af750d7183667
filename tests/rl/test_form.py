import numpy as np

from irg.rl.form import PlainForm, SceneForm, form_of
from irg.world import Family, Split, compare, fulfil, perturb, reflection, sample_prompt, thought
from irg.world.reading import clear_reading


def test_sentences_of_the_scene_world_are_told_from_others() -> None:
    rng = np.random.default_rng(0)
    request, _ = sample_prompt(rng, Family.TWO, Split.TRAIN)
    target, form = fulfil(request, rng), SceneForm()
    flaws = compare(clear_reading(perturb(target, rng)), target)
    mending, leaving = reflection(flaws, target, request), reflection((), target, request)
    plan = thought(target, request)
    assert form.is_valid(plan, 1) and not form.is_valid(plan, 2)
    assert form.is_valid(mending, 2) and form.is_valid(leaving, 2) and not form.is_valid("a cat", 2)
    assert form.is_done(leaving) and not form.is_done(mending)


def test_of_other_worlds_any_words_will_do() -> None:
    form = PlainForm()
    assert form.is_valid("Make it red.", 2) and not form.is_valid(" ", 2) and not form.is_done("Fine.")
    assert isinstance(form_of("scenes"), SceneForm) and isinstance(form_of(None), PlainForm)
