from collections import Counter
from dataclasses import replace

import pytest

from irg.bench.items import Item
from irg.bench.scene.items import (
    COMBINATION_FAMILIES,
    COMBINATIONS,
    COMPOUNDS,
    FAMILIES,
    MAIN,
    SceneOptions,
    family_of,
    group_of,
    scene_items,
)
from irg.world import Family, parse
from irg.world.grammar import is_held_out_text
from irg.world.request import requires_held_out


def prompts(options: SceneOptions) -> list[str]:
    return [item.prompt for item in scene_items(options)]


def of(group: str, items: list[Item]) -> list[Item]:
    return [item for item in items if group_of(item) == group]


def test_a_seed_fixes_the_prompts_and_another_picks_others() -> None:
    options = SceneOptions(60, seed=1)
    assert scene_items(options) == scene_items(replace(options, turns=5, batch=1))
    other = scene_items(replace(options, seed=2))
    assert len(set(prompts(options)) & {item.prompt for item in other}) < 40
    assert not {item.seeds for item in scene_items(options)} & {item.seeds for item in other}


def test_items_have_seeds_of_their_own() -> None:
    items = scene_items(SceneOptions(60))
    assert len({item.seeds for item in items}) == len(items)


@pytest.mark.parametrize(("count", "added"), [(1, 1), (4, 1), (60, 12), (300, 60)])
def test_as_many_as_asked_for_and_a_fifth_as_many_of_each_other_group(count: int, added: int) -> None:
    items = scene_items(SceneOptions(count))
    groups = [group_of(item) for item in items]
    assert groups == [MAIN] * count + [COMBINATIONS] * added + [COMPOUNDS] * added


def test_families_are_balanced_and_named_rightly() -> None:
    items = scene_items(SceneOptions(300))
    main = Counter(family_of(item) for item in of(MAIN, items))
    assert main == dict.fromkeys(map(str, FAMILIES), 50)
    combined = Counter(family_of(item) for item in of(COMBINATIONS, items))
    assert combined == dict.fromkeys(map(str, COMBINATION_FAMILIES), 20)
    assert {family_of(item) for item in of(COMPOUNDS, items)} == {str(Family.COMPOUND)}
    assert all(parse(item.prompt).family == family_of(item) for item in items)


def test_main_prompts_are_held_out_texts_of_what_training_shows() -> None:
    items = scene_items(SceneOptions(300))
    for item in of(MAIN, items) + of(COMPOUNDS, items):
        assert is_held_out_text(item.prompt)
        assert not requires_held_out(parse(item.prompt))


def test_combinations_need_what_training_never_showed() -> None:
    for item in of(COMBINATIONS, scene_items(SceneOptions(300))):
        assert requires_held_out(parse(item.prompt))


def test_prompts_repeat_only_where_a_family_runs_out() -> None:
    items = of(MAIN, scene_items(SceneOptions(120)))
    repeated = Counter(item.prompt for item in items)
    assert max(repeated.values()) <= 3 and len(repeated) > 105


@pytest.mark.parametrize("wrong", [{"prompts": 0}, {"turns": 0}, {"batch": -1}])
def test_options_below_one_are_named(wrong: dict[str, int]) -> None:
    (name, value), *_ = wrong.items()
    with pytest.raises(ValueError, match=f"{name} {value}: expected at least 1"):
        SceneOptions(**wrong)
