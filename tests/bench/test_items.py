from dataclasses import replace

from irg.bench.items import Item, fingerprint, seeds_of, some_of

ITEM = Item("7", "a star", (3, 4), {"family": "single"})


def test_all_that_an_item_says_is_in_the_fingerprint() -> None:
    changes = [{"id": "8"}, {"prompt": "two stars"}, {"seeds": (3,)}, {"facts": {"family": "two"}}]
    changed = [replace(ITEM, **change) for change in changes]
    prints = {fingerprint([item]) for item in (ITEM, *changed)}
    assert len(prints) == 5 and fingerprint([ITEM, changed[0]]) != fingerprint([changed[0], ITEM])
    assert fingerprint({"of": [ITEM]}) == fingerprint({"of": [replace(ITEM, facts=dict(ITEM.facts))]})


def test_a_pictures_seed_depends_on_its_names_alone() -> None:
    seeds = seeds_of("geneval", "7", 4)
    assert len(set(seeds)) == 4 and all(0 <= seed < 2**32 for seed in seeds)
    assert seeds_of("geneval", "7", 2) == seeds[:2]
    assert seeds_of("geneval", "8", 1) != seeds[:1] != seeds_of("wise", "7", 1)


def test_some_items_are_from_all_over_them_and_keep_their_order() -> None:
    items = [replace(ITEM, id=str(number)) for number in range(600)]
    few, more = some_of(items, 60), some_of(items, 100)
    assert (len(few), len(more)) == (60, 100) and {item.id for item in few} < {item.id for item in more}
    assert sorted(few, key=items.index) == few
    kinds = [int(item.id) % 6 for item in more]
    assert min(kinds.count(kind) for kind in range(6)) >= 10
    assert some_of(items, 600) == some_of(items, 601) == some_of(items, None) == items
