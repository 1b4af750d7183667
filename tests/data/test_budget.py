"""Budgets of tokens that the lengths fill."""

import pytest

from irg.data.budget import expected_fill, fitting_budget
from irg.data.plan import PackingOptions
from tests.data.irg_lengths import BUDGET, streams


@pytest.mark.parametrize("stage", [1, 2])
def test_where_sizes_do_not_add_up_another_budget_is_found(stage: int) -> None:
    """Images all of 1024 x 1024 pixels: two pairs of full documents take about 95% of 40,960 tokens, and no
    third document fits in; 96.6% and 95.1% are the best that any packing can do in the two stages."""
    mixture, options = streams(stage, "square"), PackingOptions(tokens=BUDGET, rows_per_step=8)
    assert expected_fill(mixture, options, seed=0) < 0.97
    budget, fill = fitting_budget(mixture, options, seed=0)
    assert 0.9 * BUDGET <= budget < BUDGET
    assert fill >= 0.98
