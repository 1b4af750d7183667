from dataclasses import replace
from typing import Any

import torch

from tests.rl.played import made


def test_the_one_that_plays_is_the_one_that_learns_or_has_its_weights() -> None:
    _, run = made()
    feed: Any = run.feed
    cast = feed.cast
    assert cast.playing is cast.network is run.objective.network
    with cast.on_stage():
        assert not cast.network.training
    assert cast.network.training
    copied = replace(cast, playing=made()[1].objective.network)
    with torch.no_grad():
        for parameter in cast.network.model.parameters():
            parameter += 1
    with copied.on_stage():
        pass
    pairs = zip(copied.playing.parameters(), cast.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
