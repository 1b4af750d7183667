from dataclasses import replace

from irg.bench.items import Item, fingerprint

ITEM = Item("7", "a star", (3, 4), {"family": "single"})


def test_all_that_an_item_says_is_in_the_fingerprint() -> None:
    changes = [{"id": "8"}, {"prompt": "two stars"}, {"seeds": (3,)}, {"facts": {"family": "two"}}]
    changed = [replace(ITEM, **change) for change in changes]
    prints = {fingerprint([item]) for item in (ITEM, *changed)}
    assert len(prints) == 5 and fingerprint([ITEM, changed[0]]) != fingerprint([changed[0], ITEM])
    assert fingerprint({"of": [ITEM]}) == fingerprint({"of": [replace(ITEM, facts=dict(ITEM.facts))]})
