import pytest
import torch

from irg.core import Grid
from irg.engine import Guidance, Sketch, SlotPool, new_strands
from irg.model import UnifiedModel


def test_latents_fit_their_grid(model: UnifiedModel) -> None:
    (strand,) = new_strands(SlotPool(model))
    with pytest.raises(ValueError, match=r"3 latent tokens for a grid of \(2, 2\)"):
        Sketch(strand, None, None, Grid(2, 2), (1.0, 0.0), Guidance(1.0, 1.0), torch.zeros(3, 8))


def test_the_branches_of_a_step_are_those_that_change_something(model: UnifiedModel) -> None:
    main, text, image = new_strands(SlotPool(model), 3)
    latent = torch.zeros(4, 8)

    def ran(guidance: Guidance, index: int = 0) -> list[tuple[float, bool]]:
        sketch = Sketch(main, text, image, Grid(2, 2), (1.0, 0.5, 0.0), guidance, latent, index)
        return [branch[1:] for branch in sketch.branches]

    assert ran(Guidance(4.0, 2.0)) == [(4.0, True), (2.0, False)]
    assert ran(Guidance(1.0, 2.0)) == [(2.0, False)] and ran(Guidance(1.0, 1.0)) == []
    assert ran(Guidance(4.0, 1.0, (0.6, 1.0)), index=1) == []


def test_nothing_is_estimated_before_the_first_step(model: UnifiedModel) -> None:
    (strand,) = new_strands(SlotPool(model))
    sketch = Sketch(strand, None, None, Grid(1, 1), (1.0, 0.0), Guidance(1.0, 1.0), torch.zeros(1, 8))
    with pytest.raises(ValueError, match="nothing has been drawn"):
        _ = sketch.estimate_NV
