import torch

from irg.core import Kind, Sequence, SpecialTokens, pack
from irg.model import UnifiedModel
from tests.samples import Sampler


def test_images_of_any_sizes_are_seen_as_if_alone(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Two of one size, one of another with as many patches, and two more."""
    shapes = [(2, 3), (2, 3), (3, 2), (1, 1), (4, 2)]
    views = [sampler.image(Kind.VIEW, *shape) for shape in shapes]
    packed = pack([Sequence(tuple(views))], special)
    together = double_model.embed_understanding(packed)[len(packed.text_id_N) :]
    for view, part in zip(views, together.split(packed.view_lengths), strict=True):
        alone = double_model.embed_understanding(pack([Sequence((view,))], special))[2:]
        assert torch.allclose(part, alone, rtol=0, atol=1e-12)


def test_images_of_one_size_go_through_together(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    views = [sampler.image(Kind.VIEW, 2, 3) for _ in range(3)]
    packed = pack([Sequence((view,)) for view in views], special)
    together = double_model.embed_understanding(packed)[len(packed.text_id_N) :]
    for view, part in zip(views, together.split(packed.view_lengths), strict=True):
        alone = double_model.embed_understanding(pack([Sequence((view,))], special))[2:]
        assert torch.allclose(part, alone, rtol=0, atol=1e-12)


def test_a_patch_knows_its_place(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Same patches, other grid: only the first patch keeps its place, and attention carries the change to
    all."""
    wide = sampler.image(Kind.VIEW, 1, 4)
    tall = sampler.image(Kind.VIEW, 4, 1)
    tall = type(tall)(tall.kind, tall.role, wide.data, grid=tall.grid)
    seen = [double_model.embed_understanding(pack([Sequence((view,))], special)) for view in (wide, tall)]
    assert not torch.allclose(seen[0], seen[1], atol=1e-3)
