import pytest

from irg.bench.about import RunAbout, differing
from irg.core.settings import checked

ABOUT = {
    "benchmark": "colours",
    "version": 1,
    "irg": "1",
    "date": "today",
    "items": {"count": 1, "of": 2, "fingerprint": "f"},
    "mode": None,
    "turns": [1],
    "series": [],
    "deciding": {"trees": {"1": "here"}},
    "model": {"name": "theirs"},
    "sources": {"hashes": {}, "modified": []},
}


def test_a_run_may_say_more_of_itself_but_not_less() -> None:
    found = checked(RunAbout, ABOUT | {"more": 5}, "run.json")
    assert found.items.of == 2 and found.deciding.trees == {1: "here"}
    for name in ABOUT:
        with pytest.raises(ValueError, match=rf"^run\.json: {name}"):
            checked(RunAbout, {other: value for other, value in ABOUT.items() if other != name}, "run.json")


def test_what_differs_is_told_by_its_parts() -> None:
    before = {"version": 1, "deciding": {"seed": 0, "mode": "irg"}, "date": "then"}
    after = {"version": 2, "deciding": {"seed": 1, "mode": "irg", "plans": []}, "date": "now"}
    assert differing(before, after, ("version", "deciding")) == ["version", "seed", "plans"]
    assert differing(before, before, ("version", "deciding", "absent")) == []
