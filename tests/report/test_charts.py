import pytest

from irg.report.charts import bar, funnel, histogram, spark
from tests.report.reading import Page


def test_a_funnel_has_a_bar_for_what_came_and_one_for_what_stayed() -> None:
    read = Page(funnel([("think", 200, 100), ("draw", 100, 0)]))
    assert read.tags["rect"] == 4 and "100 of 200" in read.text and "0 of 100" in read.text
    assert 'width="400.0" height="20" class="rejected"' in read.text
    assert 'width="200.0" height="20" class="kept"' in read.text


@pytest.mark.parametrize(
    "values", [[3.0], [1.0, 1.0, 2.0], [0.001, 0.002, 0.9], [-5.0, 1e6], list(range(500))]
)
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    half = len(values) // 2
    text = histogram("a <name>", values[:half], values[half:])
    Page(text)
    kept = sum(int(title.split(": ")[1].split()[0].replace(",", "")) for title in _titles(text))
    rejected = sum(int(title.split(", ")[-1].split()[0].replace(",", "")) for title in _titles(text))
    assert (kept, rejected) == (half, len(values) - half) and "a &lt;name&gt;" in text
    assert len(_titles(text)) <= 22


def test_a_spark_has_the_most_frequent_value_highest_and_a_bar_is_as_long_as_its_share() -> None:
    read = Page(spark([1, 1, 1, 1, 2, 33]))
    assert read.tags["rect"] == 3 and 'y="0.00" width="3.0" height="24"' in read.text
    assert Page(spark([5, 5])).tags["rect"] == 1
    assert 'width="64.0"' in bar(0.5) and 'width="1.0"' in bar(0.0)


def _titles(text: str) -> list[str]:
    return [part.split("</title>")[0] for part in text.split("<title>")[1:]]
