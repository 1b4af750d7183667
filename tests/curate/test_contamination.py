"""What counts as a benchmark's prompt."""

from fractions import Fraction

import numpy as np
import pytest

from irg.core.digest import digest_of
from irg.curate.contamination import Contamination, Guard
from irg.data.sets import plain
from irg.world import Family, Split, sample_prompt

LONG = "a photo of one red bus driving past seven sleeping dogs in the early morning rain"
AGAINST = Contamination(ngram=4, overlap=0.5)
GUARD = Guard((LONG, "Two cats"), AGAINST)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("two  CATS.", "prompt of a benchmark"),
        ("two cats here", None),
        (LONG.replace(" ", ", "), "prompt of a benchmark"),
        ("I want " + LONG, "overlaps a benchmark"),
        ("a photo of one red bus on the moon beside a huge golden clock tower", None),
        ("a photo of one red bus", "overlaps a benchmark"),
        ("something else altogether, for once", None),
    ],
)
def test_what_is_mostly_a_benchmarks_is_refused(prompt: str, reason: str | None) -> None:
    problem = GUARD.problem(prompt)
    assert (problem and problem[0]) == reason


@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5, 0.6, 1.0])
def test_the_share_of_runs_decides_from_the_bound_on(overlap: float) -> None:
    """Exactly at it, just below and just above: for every share of up to 20 runs of three words."""
    benchmark = [f"b{number}" for number in range(40)]
    guard = Guard((" ".join(benchmark),), Contamination(ngram=3, overlap=overlap))
    at_the_bound = 0
    for runs in range(1, 21):
        for hits in range(runs + 1):
            known = benchmark[: hits + 2] if hits else []
            prompt = " ".join([*known, *[f"own{number}" for number in range(runs + 2 - len(known))]])
            refused = guard.problem(prompt)
            assert (refused is not None) == (Fraction(hits, runs) >= Fraction(str(overlap))), (hits, runs)
            if refused is not None:
                assert refused[1] == f"{hits / runs:.0%} of its runs of 3 words"
            at_the_bound += Fraction(hits, runs) == Fraction(str(overlap))
    assert at_the_bound >= 2


def test_case_punctuation_and_width_make_no_other_prompt() -> None:
    assert plain("Zwei  \uff2bATZEN, im-Gras!") == plain("zwei katzen im gras")


@pytest.mark.parametrize("split", [Split.COMBINATIONS, Split.HELD_OUT])
def test_nothing_of_the_worlds_held_out_splits(split: Split) -> None:
    guard, rng = Guard((), Contamination(scenes=True)), np.random.default_rng(0)
    for _ in range(20):
        held_out = sample_prompt(rng, Family.ATTRIBUTION, split)[1]
        problem = guard.problem(held_out)
        assert problem is not None and problem[0] == "held out by the scene world", held_out
        assert guard.problem(sample_prompt(rng, Family.ATTRIBUTION, Split.TRAIN)[1]) is None
    unknown = guard.problem("a photo of the sea")
    assert unknown is not None and unknown[0] == "outside the scene world"


def test_its_digest_depends_on_what_it_refuses() -> None:
    assert GUARD.digest == Guard(("two CATS", LONG), AGAINST).digest
    others = [
        Guard((LONG,), AGAINST),
        Guard(GUARD.benchmarks, Contamination(ngram=5, overlap=0.5)),
        Guard(GUARD.benchmarks, Contamination(ngram=4, overlap=0.6)),
    ]
    assert GUARD.digest not in {other.digest for other in others} and GUARD.digest != digest_of()


@pytest.mark.parametrize("wrong", [{"ngram": 0}, {"overlap": 0.0}, {"overlap": 1.5}])
def test_refuses_what_makes_no_sense(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Contamination(**wrong)
