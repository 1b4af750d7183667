import torch

from irg.core import Document, Grid, Kind, SpecialTokens, pack
from irg.model import UnifiedModel
from tests.samples import Sampler


def test_images_of_any_sizes_are_seen_as_if_alone(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Two of one size, one of another with as many patches, and two more."""
    shapes = [(2, 3), (2, 3), (3, 2), (1, 1), (4, 2)]
    views = [sampler.image(Kind.VIEW, *shape) for shape in shapes]
    packed = pack([Document(tuple(views))], special)
    together = double_model.embed_understanding(packed)[len(packed.text_id_N) :]
    for view, part in zip(views, together.split(packed.view_lengths), strict=True):
        alone = double_model.embed_understanding(pack([Document((view,))], special))[2:]
        assert torch.allclose(part, alone, rtol=0, atol=1e-12)


def test_images_of_one_size_go_through_together(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    views = [sampler.image(Kind.VIEW, 2, 3) for _ in range(3)]
    packed = pack([Document((view,)) for view in views], special)
    together = double_model.embed_understanding(packed)[len(packed.text_id_N) :]
    for view, part in zip(views, together.split(packed.view_lengths), strict=True):
        alone = double_model.embed_understanding(pack([Document((view,))], special))[2:]
        assert torch.allclose(part, alone, rtol=0, atol=1e-12)


def test_a_patch_knows_its_place(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """A column of three patches stands at every `side`-th place of the tables, a row at the first three."""
    side = double_model.config.vision.side
    for grid, places in ((Grid(1, 3), [0, 1, 2]), (Grid(3, 1), [0, side, 2 * side])):
        view = sampler.image(Kind.VIEW, *grid)
        assert isinstance(view.data, torch.Tensor)
        place_P = torch.tensor(places)
        seen = double_model.connector(double_model.vision(view.data.double(), place_P, (3,)))
        table = double_model.view_positions.table
        assert isinstance(table, torch.Tensor)
        got = double_model.embed_understanding(pack([Document((view,))], special))[2:]
        assert torch.allclose(got, seen + table[place_P], rtol=0, atol=1e-12)
