"""Group b: the vision tower, its connector, and what enters the decoder."""

import pytest
import torch

from irg.core import Document, Grid, Kind, Packed, Role, Segment, pack
from irg.model import UnifiedModel
from irg.prep import Tokenizer, patches
from tests.golden.conftest import Agree
from tests.golden.vectors import VISION as GOLDEN


@pytest.fixture(scope="module")
def packed(reference_model: UnifiedModel, tokenizer: Tokenizer) -> Packed:
    """The images as one document of VIEW segments."""
    side = reference_model.config.vision.patch
    images = [GOLDEN[name] for name in GOLDEN.names(r"image\d+")]
    views = tuple(
        Segment(
            Kind.VIEW,
            Role.IMAGE,
            patches(image, side),
            grid=Grid(image.shape[1] // side, image.shape[2] // side),
        )
        for image in images
    )
    return pack([Document(views)], tokenizer.special)


@pytest.fixture(scope="module")
def ours(reference_model: UnifiedModel, packed: Packed) -> dict[str, torch.Tensor]:
    assert packed.patch_PD is not None
    place = packed.patch_row_P * reference_model.config.vision.side + packed.patch_column_P
    seen = reference_model.vision(packed.patch_PD, place, packed.view_lengths)
    return {
        "packed_pixel_values": packed.patch_PD,
        "position_ids": place,
        "seqlens": torch.tensor(packed.view_lengths),
        "vit_out": seen,
        "connector_out": reference_model.connector(seen),
        "pos_embed": reference_model.view_positions(packed.patch_row_P, packed.patch_column_P),
        "llm_input": reference_model.embed_understanding(packed)[len(packed.text_id_N) :],
    }


NAMES = GOLDEN.claim("vit_out", "connector_out", "pos_embed", "llm_input")


@pytest.mark.parametrize("name", ["packed_pixel_values", "position_ids", "seqlens", *NAMES])
def test_images_of_two_sizes(name: str, ours: dict[str, torch.Tensor], agree: Agree) -> None:
    agree(GOLDEN, name, ours[name])
