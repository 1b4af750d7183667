from pathlib import Path

import pytest
import torch

from irg.engine import ALONE, Parallel, Team
from tests.engine.together import GUIDANCES, compare


def test_spans_are_disjoint_and_all_there_is() -> None:
    sizes = (5, 9, 4)
    for parallel in (Parallel.GUIDANCE, Parallel.SEQUENCE):
        spans = [Team(parallel, rank, 3).spans(sizes) for rank in range(3)]
        assert spans[1] == Team(parallel, 0, 3).spans(sizes, rank=1)
        for row, size in enumerate(sizes):
            run = [latent for own in spans for latent in range(*own[row])]
            assert sorted(run) == list(range(size))
    assert Team(Parallel.GUIDANCE, 1, 3).spans(sizes) == [(0, 0), (0, 9), (0, 0)]
    assert Team(Parallel.SEQUENCE, 1, 2).spans(sizes) == [(2, 5), (4, 9), (2, 4)]


def test_alone_there_is_nothing_to_share_or_to_agree_on() -> None:
    assert ALONE.spans((5, 9)) == [(0, 5), (0, 9)]
    values = torch.ones(3, 2)
    assert ALONE.together(values, (1, 2)) is values
    ALONE.agree("things", object())


def test_what_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="pictures of 2 latents cannot be shared out over 3 processes"):
        Team(Parallel.SEQUENCE, 0, 3).spans((9, 2))


def test_two_processes_draw_what_one_draws(tmp_path: Path) -> None:
    both = compare(tmp_path)
    for found in both:
        assert found.keys() == {f"{way}: {name}" for way in ("guidance", "sequence") for name in GUIDANCES}
        for name, one in found.items():
            assert one.difference < 1e-5, name
            assert one.refused == ("the 2 processes came to different ranks: expected devices of one kind"), (
                name
            )
    for name, first in both[0].items():
        second = both[1][name]
        assert first.alone == second.alone == first.together + second.together
        assert min(first.together, second.together) > 0.4 * first.alone
