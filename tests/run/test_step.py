"""Losses of any objective are means over the step, however it is divided into forwards."""

import pytest
import torch

from irg.run.step import backward, evaluate
from tests.run.toy import ALONE, Line

POINTS = torch.tensor([-1.0, -0.5, 0.25, 2.0, 3.0])


def gradients(line: Line) -> list[torch.Tensor]:
    return [one.grad.clone() for one in line.model.parameters() if one.grad is not None]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_terms_are_weighted_means_over_all_forwards(count: int) -> None:
    line = Line(accumulate=count)
    totals = backward(line, line.forwards(POINTS), ALONE)
    found = gradients(line)
    line.model.zero_grad()
    difference = line.model(POINTS[:, None])[:, 0] - 2 * POINTS
    error, slope = difference.square().mean(), line.model.weight.square().sum()
    loss = error + 0.5 * slope
    loss.backward()
    assert all(torch.allclose(one, other) for one, other in zip(found, gradients(line), strict=True))
    expected = {
        "loss": loss.item(),
        "error": error.item(),
        "slope": slope.item(),
        "below": difference[:2].mean().item(),
        "above": difference[2:].mean().item(),
    }
    assert totals.losses == pytest.approx(expected)
    assert list(totals.losses) == list(expected)
    assert (totals.documents, totals.tokens, totals.flops, totals.stop) == (5, 10, 7.0 * count, False)


def test_evaluation_gives_the_same_and_no_gradients() -> None:
    line = Line(accumulate=2)
    losses = evaluate(line, line.forwards(POINTS), ALONE).losses
    assert gradients(line) == []
    assert losses == backward(line, line.forwards(POINTS), ALONE).losses


def test_a_part_without_values_is_not_told() -> None:
    line = Line()
    assert set(evaluate(line, line.forwards(POINTS[:2]), ALONE).losses) == {"loss", "error", "slope", "below"}


def test_a_step_without_rows_has_no_loss() -> None:
    line = Line()
    totals = backward(line, line.forwards(POINTS[:0]), ALONE, stop=True)
    assert totals.losses == {"loss": 0, "error": 0, "slope": 0}
    assert totals.stop and not any(one.any() for one in gradients(line))
