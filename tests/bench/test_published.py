import re

from irg.bench.known import PLACES, benchmark
from irg.bench.published import PUBLISHED


def test_what_was_published_is_of_variants_that_there_are() -> None:
    for name, rows in PUBLISHED.items():
        if name in PLACES:
            variants = {*benchmark(name).summaries}
            assert all({*row.values} <= variants for row in rows), name


def test_every_row_says_its_judge_and_where_it_stands() -> None:
    rows = [row for some in PUBLISHED.values() for row in some]
    assert rows and all(row.name and row.judge and row.source for row in rows)
    assert all(re.fullmatch(r"\d+\.\d+", value) for row in rows for value in row.values.values())
