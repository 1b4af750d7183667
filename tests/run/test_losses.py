"""The losses of a packed row, their gradients and weights, against each document by itself, term by term."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from irg.core import Document, Kind, Packed, SpecialTokens, dense_mask, pack
from irg.model import PaddedAttend, UnifiedModel
from irg.run import losses as losses_module
from irg.run.losses import Losses, ModelLosses, Reduction, shares
from tests.models import in_row_order
from tests.samples import Sampler

LABELS, TARGETS = [5, 3, 1], [4, 4, 1]
"""Labelled tokens of each text with loss, latent tokens of each image with a target, in the row's order."""


@pytest.fixture
def documents(sampler: Sampler) -> list[Document]:
    """Texts with and without loss, images with and without targets, all mixed."""
    return [
        Document((sampler.text(3), sampler.image(Kind.VIEW, 1, 2), sampler.text(4, loss=True))),
        Document((sampler.text(2, loss=True), *[sampler.image(Kind.NOISY, 2, 2, target=True) for _ in "ab"])),
        Document((sampler.image(Kind.CLEAN, 1, 3), sampler.text(0, loss=True), sampler.text(5))),
        Document((sampler.image(Kind.NOISY, 1, 2), sampler.image(Kind.NOISY, 1, 1, target=True))),
    ]


@pytest.fixture
def row(documents: list[Document], special: SpecialTokens) -> Packed:
    return pack(documents, special)


@pytest.fixture
def trainable(double_model: UnifiedModel) -> UnifiedModel:
    """In float64, where two orders of evaluation differ by next to nothing."""
    return copy.deepcopy(double_model).requires_grad_(True)


def losses(model: UnifiedModel, row: Packed) -> Losses:
    return ModelLosses(model)(row, PaddedAttend(row))


def naive_token_losses(model: UnifiedModel, document: Document, special: SpecialTokens) -> list[torch.Tensor]:
    """Every token of a text with loss predicts the next one, the last of them the end delimiter."""
    row = pack([document], special)
    hidden_TD = in_row_order(model(row, PaddedAttend(row)), row)
    found, first = [], 0
    for segment in document:
        if segment.loss:
            ids = [special.text_start, *(int(token) for token in segment.data), special.text_end]
            for place, token in enumerate(ids[1:]):
                found.append(-model.logits(hidden_TD[first + place]).log_softmax(dim=-1)[token])
        first += segment.num_tokens
    return found


def naive_flow_losses(model: UnifiedModel, document: Document, special: SpecialTokens) -> list[torch.Tensor]:
    """One [M, V] for each image with a target."""
    row = pack([document], special)
    velocity_MV = model.velocity(row, PaddedAttend(row))
    found, first = [], 0
    for segment in document:
        if segment.kind in (Kind.CLEAN, Kind.NOISY):
            if segment.target is not None:
                found.append((velocity_MV[first : first + len(segment.data)] - segment.target).square())
            first += len(segment.data)
    return found


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one.double(), other.double(), rtol=1e-5, atol=1e-6)


def gradients(model: UnifiedModel) -> dict[str, torch.Tensor]:
    found = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    return found


def test_losses_and_gradients_are_those_of_each_document_alone(
    trainable: UnifiedModel, documents: list[Document], row: Packed, special: SpecialTokens
) -> None:
    together = losses(trainable, row)
    (together.text_N.sum() + together.flow_MV.sum()).backward()
    found = gradients(trainable)
    text = [one for document in documents for one in naive_token_losses(trainable, document, special)]
    flow = [one for document in documents for one in naive_flow_losses(trainable, document, special)]
    assert (len(text), [len(one) for one in flow]) == (sum(LABELS), TARGETS)
    assert close(together.text_N, torch.stack(text))
    assert close(together.flow_MV, torch.cat(flow))
    (torch.stack(text).sum() + torch.cat(flow).sum()).backward()
    expected = gradients(trainable)
    assert found.keys() == expected.keys()
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-7 * largest, name  # losses are float32


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_cross_entropy_in_chunks_is_the_plain_one(
    trainable: UnifiedModel, row: Packed, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also its gradients; no more than a chunk of logits exists at a time."""
    plain = losses(trainable, row).text_N
    plain.sum().backward()
    expected = gradients(trainable)
    monkeypatch.setattr(losses_module, "CHUNK", chunk)
    calls = inputs_of(trainable.decoder.head, lambda: losses(trainable, row).text_N.sum().backward())
    assert max(calls) == chunk
    assert sum(calls) == 2 * sum(LABELS), "made again for the gradients"
    found = gradients(trainable)
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], one, rtol=0, atol=1e-9) for name, one in expected.items())
    assert torch.equal(losses(trainable, row).text_N, plain)


def inputs_of(layer: nn.Module, action: Callable[[], object]) -> list[int]:
    """How many tokens the layer was given, in each of its calls during the action."""
    calls: list[int] = []
    hook = layer.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    try:
        action()
    finally:
        hook.remove()
    return calls


def test_logits_and_velocities_exist_only_where_there_is_loss(model: UnifiedModel, row: Packed) -> None:
    assert inputs_of(model.decoder.head, lambda: losses(model, row)) == [sum(LABELS)]
    assert inputs_of(model.latent_out, lambda: losses(model, row)) == [sum(TARGETS)]


@pytest.mark.parametrize(("reduction", "power"), [("token", 0.0), ("sample", -1.0), ("square", -0.5)])
def test_reductions_are_naive_weighted_means(
    model: UnifiedModel, row: Packed, reduction: str, power: float
) -> None:
    """Each text or image of n tokens gives each of them the weight 1, 1/n or 1/sqrt(n)."""
    found, weights = losses(model, row), shares(row, Reduction(reduction), Reduction(reduction))
    for values, weight, lengths in (
        (found.text_N, weights.text_weight_N, LABELS),
        (found.flow_MV.mean(-1), weights.flow_weight_M, TARGETS),
    ):
        naive = torch.tensor([length**power for length in lengths for _ in range(length)])
        assert torch.allclose(weight, naive)
        parts = values.split(lengths)
        total = sum(part.sum().item() * len(part) ** power for part in parts)
        mean = total / sum(length ** (power + 1) for length in lengths)
        assert ((values * weight).sum() / weight.sum()).item() == pytest.approx(mean, rel=1e-5)


def test_text_and_flow_have_reductions_of_their_own(row: Packed) -> None:
    mixed = shares(row, Reduction.SAMPLE, Reduction.TOKEN)
    assert mixed.text_weight_N.unique().tolist() == pytest.approx([1 / 5, 1 / 3, 1])
    assert mixed.flow_weight_M.unique().tolist() == [1]


def test_every_loss_knows_its_document(row: Packed) -> None:
    weights = shares(row, Reduction.TOKEN, Reduction.TOKEN)
    assert weights.text_document_N.tolist() == [0] * 5 + [1] * 3 + [2]
    assert weights.flow_document_M.tolist() == [1] * 8 + [3]


def test_a_row_without_labels_or_targets_has_no_losses(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    row = pack([Document((sampler.text(3), sampler.image(Kind.CLEAN, 1, 2)))], special)
    found, weights = losses(model, row), shares(row, Reduction.SAMPLE, Reduction.SQUARE)
    assert found.text_N.shape == weights.text_weight_N.shape == (0,)
    assert found.flow_MV.shape == (0, model.config.latent_values)
    assert weights.flow_weight_M.shape == (0,)


def test_every_parameter_has_a_gradient_whatever_the_row_holds(
    trainable: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Processes that share the model must agree on which parameters have one."""
    row = pack([Document((sampler.text(3, loss=True),))], special)
    found = losses(trainable, row)
    (found.text_N.sum() + found.flow_MV.sum()).backward()
    assert gradients(trainable).keys() == dict(trainable.named_parameters()).keys()


def test_the_naive_losses_see_what_the_mask_shows(row: Packed) -> None:
    """The twins above rely on documents being blind to one another, as the dense mask says."""
    same = row.document_T[:, None] == row.document_T[None, :]
    assert not (dense_mask(row) & ~same).any()


def test_a_temperature_divides_the_logits(trainable: UnifiedModel, row: Packed) -> None:
    sharp = ModelLosses(trainable)(row, PaddedAttend(row), 0.5)
    assert close(sharp.flow_MV, losses(trainable, row).flow_MV)
    with torch.no_grad():
        trainable.decoder.head.weight *= 2
    assert close(sharp.text_N, losses(trainable, row).text_N)


def test_velocities_are_told_beside_their_errors(trainable: UnifiedModel, row: Packed) -> None:
    found = losses(trainable, row)
    assert row.target_MC is not None
    target_MV = row.target_MC[row.has_target_M]
    assert close((found.velocity_MV - target_MV).square(), found.flow_MV)
