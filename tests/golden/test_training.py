"""Group c: a packed training row with losses and gradients."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from irg.core import IGNORE, Document, Grid, Kind, Packed, Role, Segment, block_mask, dense_mask, pack
from irg.model import FlexAttend, PaddedAttend, UnifiedModel
from irg.model.attention import Attend
from irg.model.autoencoder import to_tokens
from irg.model.names import unified_name
from irg.prep import Tokenizer
from irg.run.losses import ModelLosses, Reduction, shares
from tests.golden.conftest import Agree
from tests.golden.vectors import TRAINING as GOLDEN
from tests.models import in_row_order

UNFUSED = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


class Row:
    """Builds the recorded row's documents, taking texts, latents and views in the order of the plan."""

    def __init__(self, model: UnifiedModel, tokenizer: Tokenizer, shift: float) -> None:
        self.model, self.special = model, tokenizer.special
        self.texts = iter(self._texts())
        shapes = [Grid(*shape) for shape in GOLDEN.scalars["patchified_vae_latent_shapes"]]
        sizes = [grid.num_tokens for grid in shapes]
        times = shifted(GOLDEN["packed_timesteps"].sigmoid(), shift).split(sizes)
        self.latents = zip(shapes, GOLDEN["padded_latent"], GOLDEN["noise"].split(sizes), times, strict=True)
        lengths = GOLDEN["vit_token_seqlens"].tolist()
        self.views = zip(
            GOLDEN["packed_vit_tokens"].split(lengths),
            GOLDEN["packed_vit_position_ids"].split(lengths),
            strict=True,
        )

    def packed(self) -> Packed:
        plan = GOLDEN.scalars["sequence_plan"]
        return pack([Document(tuple(map(self._segment, document))) for document in plan], self.special)

    def _texts(self) -> Iterator[tuple[int, ...]]:
        ids = GOLDEN["packed_text_ids"].tolist()
        while self.special.text_start in ids:
            start, end = ids.index(self.special.text_start), ids.index(self.special.text_end)
            yield tuple(ids[start + 1 : end])
            ids = ids[end + 1 :]

    def _segment(self, item: str) -> Segment:
        if item.startswith("text"):
            return Segment(Kind.TEXT, Role.PROMPT, next(self.texts), loss="loss1" in item)
        if item == "vit":
            patch_PD, place_P = next(self.views)
            last = int(place_P.max())
            side = self.model.config.vision.side
            return Segment(Kind.VIEW, Role.IMAGE, patch_PD, grid=Grid(last // side + 1, last % side + 1))
        grid, padded_Chw, noise_MV, time_M = next(self.latents)
        patch = self.model.config.latent_patch
        latent_Chw = padded_Chw[:, : grid.rows * patch, : grid.columns * patch]
        clean_MV = to_tokens(latent_Chw[None], patch)[0]
        if item == "vae clean":
            return Segment(Kind.CLEAN, Role.IMAGE, clean_MV, grid=grid)
        assert item == "vae noised", item
        t = time_M[0].item()
        noisy_MV = (1 - t) * clean_MV + t * noise_MV
        target_MV = noise_MV - clean_MV
        return Segment(Kind.NOISY, Role.IMAGE, noisy_MV, grid=grid, timestep=t, target=target_MV)


def shifted(times: torch.Tensor, shift: float) -> torch.Tensor:
    return shift * times / (1 + (shift - 1) * times)


@dataclass(frozen=True, eq=False)
class Losses:
    hidden: torch.Tensor
    ce: torch.Tensor
    mse: torch.Tensor

    @property
    def loss(self) -> torch.Tensor:
        return self.ce.mean() + self.mse.mean()


def losses(model: UnifiedModel, packed: Packed, attend: Attend) -> Losses:
    hidden: list[torch.Tensor] = []
    hook = model.register_forward_hook(lambda *ends: hidden.append(in_row_order(ends[2], packed)))
    try:
        unreduced = ModelLosses(model)(packed, attend)
    finally:
        hook.remove()
    return Losses(hidden[0], unreduced.text_N, unreduced.flow_MV)


@pytest.fixture(scope="module")
def packed(trainable_model: UnifiedModel, tokenizer: Tokenizer) -> Packed:
    return Row(trainable_model, tokenizer, GOLDEN.scalars["timestep_shift"]).packed()


@pytest.fixture(scope="module")
def ours(trainable_model: UnifiedModel, packed: Packed) -> Losses:
    """The losses, with the gradients left in the model."""
    trainable_model.zero_grad()
    result = losses(trainable_model, packed, PaddedAttend(packed))
    result.loss.backward()
    return result


@pytest.fixture(scope="module")
def gradients(ours: Losses, trainable_model: UnifiedModel) -> dict[str, torch.Tensor]:
    return {
        unified_name(name): parameter.grad
        for name, parameter in trainable_model.named_parameters()
        if parameter.grad is not None
    }


def test_the_row_is_laid_out_as_in_the_reference(packed: Packed) -> None:
    text_order = packed.text_index_N.argsort()
    assert packed.text_id_N[text_order].tolist() == GOLDEN["packed_text_ids"].tolist()
    assert packed.text_index_N.sort().values.tolist() == GOLDEN["packed_text_indexes"].tolist()
    assert packed.position_T.tolist() == GOLDEN["packed_position_ids"].tolist()
    assert packed.latent_index_M.tolist() == GOLDEN["packed_vae_token_indexes"].tolist()
    assert packed.patch_index_P.tolist() == GOLDEN["packed_vit_token_indexes"].tolist()
    assert packed.num_tokens == GOLDEN.scalars["sequence_length"]
    assert list(packed.document_lengths) == GOLDEN.scalars["sample_lens"]


def test_labels_and_targets_stand_where_the_reference_has_them(packed: Packed) -> None:
    labelled = (packed.label_T != IGNORE).nonzero()[:, 0]
    assert labelled.tolist() == GOLDEN["ce_loss_indexes"].tolist()
    assert packed.label_T[labelled].tolist() == GOLDEN["packed_label_ids"].tolist()
    assert packed.latent_index_M[packed.has_target_M].tolist() == GOLDEN["mse_loss_indexes"].tolist()
    assert packed.noisy_M.tolist() == packed.has_target_M.tolist()


def test_latent_places(packed: Packed, trainable_model: UnifiedModel) -> None:
    place = packed.latent_row_M * trainable_model.config.latent_side + packed.latent_column_M
    assert place.tolist() == GOLDEN["packed_latent_position_ids"].tolist()


@pytest.mark.parametrize("name", GOLDEN.names(r"allowed_mask\.\d+"))
def test_visibility_within_a_document(name: str, packed: Packed) -> None:
    mine = packed.document_T == int(name.rpartition(".")[2])
    allowed = dense_mask(packed)[mine]
    assert torch.equal(allowed[:, mine], GOLDEN[name].bool())
    assert not allowed[:, ~mine].any()


@pytest.mark.parametrize("name", GOLDEN.claim(r"timesteps_shift[\d.]+"))
def test_shifted_timesteps(
    name: str, trainable_model: UnifiedModel, tokenizer: Tokenizer, agree: Agree
) -> None:
    packed = Row(trainable_model, tokenizer, float(name.removeprefix("timesteps_shift"))).packed()
    agree(GOLDEN, name, packed.timestep_M)


@pytest.mark.parametrize("name", GOLDEN.claim("last_hidden_state", "ce", "mse", "loss", "loss_ce_reweighted"))
def test_losses(name: str, ours: Losses, packed: Packed, agree: Agree) -> None:
    weights = shares(packed, Reduction.SQUARE, Reduction.TOKEN).text_weight_N
    assert torch.allclose(weights, GOLDEN["ce_loss_weights"], rtol=1e-5)
    values = {
        "last_hidden_state": ours.hidden,
        "ce": ours.ce,
        "mse": ours.mse,
        "loss": ours.loss[None],
        "loss_ce_reweighted": ((ours.ce * weights).sum() / weights.sum() + ours.mse.mean())[None],
    }
    agree(GOLDEN, name, values[name])


@pytest.mark.parametrize("name", GOLDEN.claim(r"grad\..+"))
def test_gradients(name: str, gradients: dict[str, torch.Tensor], agree: Agree) -> None:
    agree(GOLDEN, name, gradients[name.removeprefix("grad.")])


def test_every_gradient_has_the_recorded_norm(gradients: dict[str, torch.Tensor]) -> None:
    recorded = GOLDEN.scalars["grad_l2_norms"]
    expected = {name: norm for name, norm in recorded.items() if norm is not None}
    assert set(gradients) == set(expected)
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    largest = max(expected.values())
    for name, norm in expected.items():
        assert norms[name] == pytest.approx(norm, rel=1e-5, abs=1e-6 * largest), name
    together = torch.tensor(list(norms.values())).norm().item()
    assert together == pytest.approx(GOLDEN.scalars["grad_global_norm"], rel=1e-5)


@UNFUSED
@pytest.mark.parametrize("name", GOLDEN.claim(r"flex\.last_hidden_state", r"flex\.ce", r"flex\.mse"))
def test_flex_attention(name: str, trainable_model: UnifiedModel, packed: Packed, agree: Agree) -> None:
    with torch.no_grad():
        result = losses(trainable_model, packed, FlexAttend(packed, len(GOLDEN["flex.mask"])))
    values = {"flex.last_hidden_state": result.hidden, "flex.ce": result.ce, "flex.mse": result.mse}
    agree(GOLDEN, name, values[name])


@pytest.mark.parametrize("name", GOLDEN.claim(r"flex\.mask"))
def test_flex_mask(name: str, packed: Packed) -> None:
    """Real tokens see what the reference lets them see; padding sees only padding."""
    expected = GOLDEN[name].bool()
    length, num_real = len(expected), packed.num_tokens
    place = torch.arange(length)
    zero = torch.tensor(0)
    mask = block_mask(packed, length).mask_mod(zero, zero, place[:, None], place[None, :])
    assert torch.equal(mask[:num_real], expected[:num_real])
    assert not mask[num_real:, :num_real].any() and not expected[num_real:, :num_real].any()
    assert torch.equal(mask[num_real:, num_real:], torch.eye(length - num_real, dtype=torch.bool))


@pytest.mark.parametrize("name", GOLDEN.claim(r"shift[\d.]+\.(ce|mse)"))
def test_another_timestep_shift(
    name: str, trainable_model: UnifiedModel, tokenizer: Tokenizer, agree: Agree
) -> None:
    match = re.fullmatch(r"shift([\d.]+)\.(ce|mse)", name)
    assert match
    packed = Row(trainable_model, tokenizer, float(match[1])).packed()
    with torch.no_grad():
        result = losses(trainable_model, packed, PaddedAttend(packed))
    agree(GOLDEN, name, getattr(result, match[2]))
