import copy

import pytest
import torch

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import Autoencoder, PaddedAttend, UnifiedModel
from irg.model.low_bit import Quantize, quantize
from irg.model.offload import Offload, Rotation, Waiting, check_offload, offload
from tests.samples import Sampler

CPU = torch.device("cpu")


@pytest.fixture
def row(sampler: Sampler, special: SpecialTokens) -> Packed:
    segments = (sampler.text(5), sampler.image(Kind.VIEW, 2, 2), sampler.image(Kind.NOISY, 2, 2))
    return pack([Document(segments)], special)


@pytest.mark.parametrize("kind", list(Offload))
@pytest.mark.parametrize("held", [Quantize.NONE, Quantize.INT8, Quantize.FP8_MATMUL])
def test_what_waits_computes_the_same(
    model: UnifiedModel, row: Packed, kind: Offload, held: Quantize
) -> None:
    twin, autoencoder = copy.deepcopy(model), Autoencoder(model.config.autoencoder)
    quantize(twin, held)
    waiting, far = copy.deepcopy(twin), copy.deepcopy(autoencoder)
    offload(waiting, far, kind, CPU)
    with torch.inference_mode():
        for _ in range(2):
            exact, same = (one.velocity(row, PaddedAttend(row)) for one in (twin, waiting))
            assert torch.equal(exact, same)
        picture = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
        latents = far.encode(picture)
        assert torch.equal(latents, autoencoder.encode(picture))
        assert torch.equal(far.decode(latents), autoencoder.decode(latents))


def test_two_experts_of_a_kind_are_here_and_none_of_the_kind_that_idles(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    twin = copy.deepcopy(model)
    rotations = [
        Rotation([getattr(layer, name) for layer in twin.decoder.layers], CPU)
        for name in ("understanding", "generation")
    ]
    for rotation in rotations:
        rotation.attach()
    text = pack([Document((sampler.text(4),))], special)
    with torch.inference_mode():
        twin(text, PaddedAttend(text))
    here = [[one.is_here for one in rotation.waiting] for rotation in rotations]
    assert here == [[True, False, True], [False, False, False]]


def test_weights_go_home_when_they_leave(model: UnifiedModel) -> None:
    expert = copy.deepcopy(model.decoder.layers[0].understanding)
    home = expert.query.weight.data_ptr()
    waiting = Waiting(expert, CPU)
    assert (waiting.is_here, expert.query.weight.data_ptr()) == (False, home)
    waiting.fetch()
    assert waiting.is_here and expert.query.weight.data_ptr() == home  # not in use yet
    waiting.enter()
    assert expert.query.weight.data_ptr() != home
    waiting.leave()
    assert (waiting.is_here, expert.query.weight.data_ptr()) == (False, home)


def test_nf4_experts_cannot_wait() -> None:
    with pytest.raises(ValueError, match="held as nf4 cannot wait"):
        check_offload(Offload.EXPERTS, Quantize.NF4)
    check_offload(Offload.PARTS, Quantize.NF4)
