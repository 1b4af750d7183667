"""Every recorded output is checked by some test, or left out here with a reason."""

import importlib
from pathlib import Path

import pytest

from tests.golden.vectors import GROUPS, MANIFEST, Group

LEFT_OUT = {
    ("g_misc", "pos_ids_interpolate"): (
        "places of the reference's --interpolate_pos, an option off by default that we do not have"
    ),
}
"""Group and beginning of the name -> why no test compares it."""

SCALARS_LEFT_OUT = {
    ("g_misc", "len2weight_square"): "a loss weight of the reference's trainer that none of our recipes uses",
}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_every_output_is_claimed(group: Group) -> None:
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(f"tests.golden.{path.stem}")
    unclaimed = [
        name
        for name in group.outputs
        if name not in group.claimed
        and not any(group.name == left and name.startswith(start) for left, start in LEFT_OUT)
    ]
    assert not unclaimed


def test_every_group_is_known() -> None:
    assert {name for name in MANIFEST if not name.startswith("_")} == {group.name for group in GROUPS}
