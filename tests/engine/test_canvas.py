"""Passes that are laid out once, and run at every step."""

from dataclasses import replace

import pytest
import torch

from irg.core import SpecialTokens
from irg.engine import Easel, shifted_schedule
from irg.engine.canvas import embedded_times
from irg.model import UnifiedModel
from tests.engine.host import HostTraffic
from tests.engine.test_flow import GUIDANCES, sketches


def test_an_easel_keeps_no_slots_of_what_is_gone(model: UnifiedModel, special: SpecialTokens) -> None:
    easel = Easel(model, special)
    first, second = (sketches(model, special, (1.0, 0.5, 0.0), rows=(row,)) for row in (0, 1))
    pool = first[0].main.slot.slab.pool
    easel.step(first)
    easel.step(second)
    del first
    assert not any(not all(slab.is_free) for slab in pool)


def test_steps_from_tensors_that_stay_in_place_draw_the_same(
    double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Of images of different sizes, at different times, of which some leave."""
    wanted = [(shifted_schedule(4, 3.0), GUIDANCES[1]), (shifted_schedule(3, 1.0), GUIDANCES[2])]
    drawn = []
    for compiled in (False, True):
        now = [sketches(double_model, special, *how, rows=(row,))[0] for row, how in enumerate(wanted)]
        for sketch in now:
            sketch.main.slot.slab.pool.compiled = compiled
        easel = Easel(double_model, special)
        for going in ((0,), (0, 1), (0, 1)):
            for row, sketch in zip(going, easel.step([now[row] for row in going]), strict=True):
                now[row] = sketch
        assert all(sketch.is_done for sketch in now)
        drawn.append(now)
    for ours, theirs in zip(*drawn, strict=True):
        assert torch.allclose(ours.latent_NV, theirs.latent_NV, rtol=0, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_host_and_device_exchange_nothing_at_a_step(
    compiled: bool, model: UnifiedModel, special: SpecialTokens
) -> None:
    """Of a pass that is laid out: images at different times, under all branches."""
    now = sketches(model, special, shifted_schedule(5, 3.0), GUIDANCES[2])
    now[0].main.slot.slab.pool.compiled = compiled
    easel = Easel(model, special)
    (ahead,) = easel.step(now[:1])
    now = easel.step([ahead, *now[1:]])
    with HostTraffic() as traffic:
        easel.step(now)
    assert (traffic.given, traffic.taken) == (0, 0)


def test_a_time_is_embedded_alike_whoever_comes_with_it(model: UnifiedModel) -> None:
    alone = embedded_times(model, [0.25])
    assert torch.equal(embedded_times(model, [0.75, 0.25])[1:], alone)
    assert len(embedded_times(model, [0.1] * 6)) == 6
    exact = model.timestep(torch.tensor([0.25] * 4))[:1]
    assert torch.equal(alone, exact)


def test_a_pass_is_laid_out_anew_for_other_grids(model: UnifiedModel, special: SpecialTokens) -> None:
    easel = Easel(model, special)
    first, *_ = sketches(model, special, (1.0, 0.5, 0.0), rows=(0,))
    easel.step([first])
    (before,) = easel._canvases
    turned = replace(first, grid=type(first.grid)(*reversed(first.grid)))
    easel.step([turned])
    assert easel._canvases[-1] is not before
