"""One step's losses and gradients, against each document by itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from irg.core import Document, pack
from irg.data.compose import Composer, Dropout, Noising
from irg.data.learning import Mode, document
from irg.data.prepare import Preparer
from irg.model import PaddedAttend
from irg.prep import Resize
from irg.run.losses import ModelLosses, Reduction, shares
from irg.run.model_recipe import LossSettings
from irg.run.objective import UnifiedObjective
from irg.run.parallel import Layout, ParallelSettings
from irg.run.step import Totals, backward, evaluate
from tests.data.broken import trace
from tests.data.small import config, random_autoencoder, random_model, tokenizer

MODES = (Mode.INITIAL_FULL, Mode.DIRECT, Mode.QUESTION, Mode.IMPROVING_FULL, Mode.INITIAL_THINKING)
LOSS = LossSettings(text_weight=0.5, flow_weight=3.0, text=Reduction.SQUARE, flow=Reduction.SAMPLE)


def documents(modes: Sequence[Mode]) -> list[Document]:
    random, size = np.random.default_rng(0), Resize(32, 32, 16)
    preparer = Preparer(config(), tokenizer(), size, size)
    made = [document(trace(index, random), mode, "Draw.") for index, mode in enumerate(modes)]
    return [preparer(one, seed) for seed, one in enumerate(made)]


def rows(modes: Sequence[Mode] = MODES) -> list[list[Document]]:
    """One document in the first row, two in each of the others."""
    first, *others = documents(modes)
    return [[first], *[others[index : index + 2] for index in range(0, len(others), 2)]]


LAYOUT = Layout(0, 1, torch.device("cpu"))


@pytest.fixture
def objective() -> UnifiedObjective:
    composer = Composer(config(), random_autoencoder(), Noising(copies=2), Dropout())
    network, special = ModelLosses(random_model()), tokenizer().special
    return UnifiedObjective(network, composer, special, LAYOUT, ParallelSettings(), LOSS)


def stepped(
    objective: UnifiedObjective, rows: list[list[Document]], count: int, stop: bool = False
) -> Totals:
    """Backward on the rows in so many forwards."""
    return backward(objective, replace(objective, accumulate=count).forwards(rows), LAYOUT, stop)


def gradients(objective: UnifiedObjective) -> dict[str, torch.Tensor]:
    found = {name: one.grad for name, one in objective.network.named_parameters() if one.grad is not None}
    objective.network.zero_grad()
    return found


def naive(objective: UnifiedObjective, ready: Sequence[Document]) -> tuple[dict[str, float], torch.Tensor]:
    """What is logged of the documents, and the loss with its gradient, each document being a forward."""
    sums = {"text": torch.zeros(2), "flow": torch.zeros(2)}
    by_mode: dict[str, list[float]] = {}
    for one in ready:
        row = pack(objective.composer([one]), objective.special)
        losses, weights = objective.network(row, PaddedAttend(row)), shares(row, LOSS.text, LOSS.flow)
        for name, values, weight in (
            ("text", losses.text_N, weights.text_weight_N),
            ("flow", losses.flow_MV.mean(-1), weights.flow_weight_M),
        ):
            sums[name] = sums[name] + torch.stack([(values * weight).sum(), weight.sum()])
            if len(values):
                by_mode.setdefault(f"{name}/{one.mode}", []).extend(values.tolist())
    text, flow = (sums[name][0] / sums[name][1] for name in ("text", "flow"))
    loss = LOSS.text_weight * text + LOSS.flow_weight * flow
    logged = {name: float(np.mean(values)) for name, values in by_mode.items()}
    return logged | {"loss": loss.item(), "text": text.item(), "flow": flow.item()}, loss


@pytest.mark.parametrize("count", [1, 2, 3])
def test_losses_and_gradients_are_means_over_the_whole_step(objective: UnifiedObjective, count: int) -> None:
    """In any number of forwards, of unequal numbers of labels."""
    outcome = stepped(objective, rows(), count)
    found = gradients(objective)
    expected, loss = naive(objective, documents(MODES))
    loss.backward()
    assert outcome.losses == pytest.approx(expected, rel=1e-5)
    assert len(expected) == 3 + 4 + 3  # modes with texts to learn, and with pictures
    assert outcome.documents == len(MODES) and not outcome.stop
    for name, gradient in gradients(objective).items():
        assert torch.allclose(found[name], gradient, rtol=1e-4, atol=1e-6), name


def test_evaluation_gives_the_same_losses_and_no_gradients(objective: UnifiedObjective) -> None:
    forwards = replace(objective, accumulate=2).forwards(rows())
    outcome = evaluate(objective, forwards, LAYOUT)
    assert gradients(objective) == {}
    assert outcome.losses == pytest.approx(backward(objective, forwards, LAYOUT).losses, rel=1e-6)


def test_rows_are_divided_into_forwards(objective: UnifiedObjective) -> None:
    several = [[one] for one in documents(MODES)]
    sizes = [len(forward.modes) for forward in replace(objective, accumulate=2).forwards(several)]
    assert sizes == [3, 2]


@pytest.mark.parametrize("rest", [[], [[]]])
def test_a_forward_without_documents_adds_nothing(
    objective: UnifiedObjective, rest: list[list[Document]]
) -> None:
    """As on a process that has none left; every parameter has a gradient all the same."""
    alone = stepped(objective, [documents(MODES)], 1)
    expected = gradients(objective)
    several = stepped(objective, [documents(MODES), *rest], 2)
    assert several.losses == pytest.approx(alone.losses, rel=1e-6)
    found = gradients(objective)
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], one, atol=1e-7) for name, one in expected.items())
    nothing = stepped(objective, [[]], 1)
    assert nothing.losses == {"loss": 0, "text": 0, "flow": 0}
    found = gradients(objective)
    assert found.keys() == expected.keys() and not any(one.any() for one in found.values())


def test_one_that_is_asked_to_stop_says_so(objective: UnifiedObjective) -> None:
    assert stepped(objective, rows(), 1, stop=True).stop
