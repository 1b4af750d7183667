from hypothesis import given
from hypothesis import strategies as st

from irg.bench.distance import edit_distance

TEXTS = st.text("abcé ", max_size=80)


def by_the_table(one: str, other: str) -> int:
    """The naive twin: the whole table, row by row."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, row[0] = row[0], number
        for at, wanted in enumerate(other, start=1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (letter != wanted))
    return row[-1]


@given(TEXTS, TEXTS)
def test_it_is_that_of_the_table(one: str, other: str) -> None:
    assert edit_distance(one, other) == by_the_table(one, other)


def test_known_distances() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    assert edit_distance("", "") == 0
