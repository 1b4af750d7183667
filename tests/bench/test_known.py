import pytest

from irg.bench.known import PLACES, benchmark


@pytest.mark.parametrize("name", PLACES)
def test_every_benchmark_can_be_had_by_its_name(name: str) -> None:
    assert benchmark(name).name == name


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="no benchmark is called 'geneva': expected one of"):
        benchmark("geneva")
