"""The losses of a packed row against each document by itself, term by term."""

import torch

from irg.core import Kind, Packed, Sequence, SpecialTokens, dense_mask, pack
from irg.model import PaddedAttend, UnifiedModel
from irg.train.losses import flow_losses, token_losses
from tests.samples import Sampler


def documents(sampler: Sampler) -> list[Sequence]:
    """Texts with and without loss, images with and without targets, all mixed."""
    return [
        Sequence((sampler.text(3), sampler.image(Kind.VIEW, 1, 2), sampler.text(4, loss=True))),
        Sequence((sampler.text(2, loss=True), *[sampler.image(Kind.NOISY, 2, 2, target=True) for _ in "ab"])),
        Sequence((sampler.image(Kind.CLEAN, 1, 3), sampler.text(0, loss=True), sampler.text(5))),
        Sequence((sampler.image(Kind.NOISY, 1, 2), sampler.image(Kind.NOISY, 1, 1, target=True))),
    ]


def naive_token_losses(model: UnifiedModel, document: Sequence, special: SpecialTokens) -> list[float]:
    """Every token of a text with loss predicts the next one, the last of them the end delimiter."""
    row = pack([document], special)
    hidden_TD = model(row, PaddedAttend(row)).in_row_order(row)
    losses, first = [], 0
    for segment in document:
        if segment.loss:
            ids = [special.text_start, *(int(token) for token in segment.data), special.text_end]
            for place, token in enumerate(ids[1:]):
                share_V = model.logits(hidden_TD[first + place]).log_softmax(dim=-1)
                losses.append(-share_V[token].item())
        first += segment.num_tokens
    return losses


def naive_flow_losses(model: UnifiedModel, document: Sequence, special: SpecialTokens) -> list[torch.Tensor]:
    row = pack([document], special)
    velocity_MV = model.velocity(row, PaddedAttend(row))
    losses, first = [], 0
    for segment in document:
        if segment.kind in (Kind.CLEAN, Kind.NOISY):
            if segment.target is not None:
                difference = velocity_MV[first : first + len(segment.data)] - segment.target
                losses.append(difference.float().square())
            first += len(segment.data)
    return losses


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def packed(sampler: Sampler, special: SpecialTokens) -> tuple[list[Sequence], Packed]:
    row = documents(sampler)
    return row, pack(row, special)


def test_token_losses_are_those_of_each_document_alone(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    row, together = packed(sampler, special)
    expected = [loss for document in row for loss in naive_token_losses(double_model, document, special)]
    losses_N = token_losses(double_model, together, double_model(together, PaddedAttend(together)))
    assert len(expected) == 5 + 3 + 1
    assert close(losses_N, torch.tensor(expected))


def test_flow_losses_are_those_of_each_document_alone(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    row, together = packed(sampler, special)
    expected = torch.cat(
        [loss for document in row for loss in naive_flow_losses(double_model, document, special)]
    )
    losses_MV = flow_losses(double_model, together, double_model(together, PaddedAttend(together)))
    assert len(expected) == 4 + 4 + 1
    assert close(losses_MV, expected)


def test_logits_exist_for_labelled_tokens_only(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    _, together = packed(sampler, special)
    rows: list[int] = []
    hook = model.decoder.head.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    try:
        token_losses(model, together, model(together, PaddedAttend(together)))
    finally:
        hook.remove()
    assert rows == [5 + 3 + 1]


def test_velocities_exist_for_supervised_latents_only(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    _, together = packed(sampler, special)
    rows: list[int] = []
    hook = model.latent_out.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    try:
        flow_losses(model, together, model(together, PaddedAttend(together)))
    finally:
        hook.remove()
    assert rows == [4 + 4 + 1]


def test_a_row_without_labels_or_targets_has_no_losses(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    row = pack([Sequence((sampler.text(3), sampler.image(Kind.CLEAN, 1, 2)))], special)
    streams = model(row, PaddedAttend(row))
    assert token_losses(model, row, streams).shape == (0,)
    assert flow_losses(model, row, streams).shape == (0, model.config.latent_values)


def test_the_naive_losses_see_what_the_mask_shows(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """The twin above relies on documents being blind to one another, as the dense mask says."""
    _, together = packed(sampler, special)
    same = together.document_T[:, None] == together.document_T[None, :]
    assert not (dense_mask(together) & ~same).any()
