"""Group g: tables, masks, transforms of pictures, the tokenizer."""

import re
from dataclasses import replace

import pytest
import torch
from PIL import Image

from irg.core import Document, Grid, Kind, Role, Segment, dense_mask, pack, pack_tokens
from irg.core.reading import read_image
from irg.model import UnifiedModel
from irg.model.embeddings import sincos_table
from irg.model.rope import rope_table
from irg.prep import Resize, Tokenizer, to_pixels
from tests.golden.conftest import Agree
from tests.golden.vectors import MISCELLANY as GOLDEN

KINDS = {"causal": Kind.TEXT, "full": Kind.CLEAN, "noise": Kind.NOISY}


def picture(name: str) -> Image.Image:
    return Image.fromarray(GOLDEN[name].numpy())


@pytest.mark.parametrize("name", GOLDEN.claim(r"sincos_\d+_grid\d+"))
def test_sincos_table(name: str, agree: Agree) -> None:
    width, side = map(int, re.findall(r"\d+", name))
    agree(GOLDEN, name, sincos_table(width, side))


def test_the_checkpoint_holds_the_rounded_table(reference_model: UnifiedModel) -> None:
    table = reference_model.latent_positions.table
    assert isinstance(table, torch.Tensor)
    exact = sincos_table(table.shape[1], reference_model.config.latent_side)
    expected = GOLDEN.scalars["ckpt_latent_pos_embed_vs_fp32_sincos_max_diff"]
    assert (table - exact).abs().max().item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", GOLDEN.claim(r"pos_ids_extrapolate_\d+x\d+_p\d+_m\d+"))
def test_places_in_the_table(name: str, tokenizer: Tokenizer, agree: Agree) -> None:
    height, width, patch, side = map(int, re.findall(r"\d+", name))
    grid = Grid(height // patch, width // patch)
    image = Segment(Kind.CLEAN, Role.IMAGE, torch.zeros(grid.num_tokens, 1), grid=grid)
    packed = pack([Document((image,))], tokenizer.special)
    agree(GOLDEN, name, packed.latent_row_M * side + packed.latent_column_M)


@pytest.mark.parametrize("name", GOLDEN.claim("mask_case"))
def test_mask_of_splits(name: str) -> None:
    """The splits may be too short for delimiters, so the kinds are written into a row directly."""
    lengths, modes = GOLDEN.scalars[name]["split_lens"], GOLDEN.scalars[name]["attn_modes"]
    row = pack_tokens([[0] * sum(lengths)], [0])
    repeats = torch.tensor(lengths)
    kinds = torch.tensor([int(KINDS[mode]) for mode in modes]).repeat_interleave(repeats)
    segments = torch.arange(len(lengths)).repeat_interleave(repeats)
    mask = dense_mask(replace(row, kind_T=kinds, segment_T=segments))
    assert torch.equal(mask, GOLDEN[name].bool())


@pytest.mark.parametrize("name", GOLDEN.claim("rope_cos", "rope_sin"))
def test_rotary_table(name: str, agree: Agree) -> None:
    words = GOLDEN.says("rope_cos", r"positions ([\d,]+); head_dim (\d+), theta ([\de.+]+)")
    positions = torch.tensor([int(number) for number in words[1].split(",")])
    tables = rope_table(positions, int(words[2]), float(words[3]), torch.float32)
    agree(GOLDEN, name, tables[name == "rope_sin"][:, 0])


@pytest.mark.parametrize("name", GOLDEN.claim(r"transform\..+"))
def test_resized_pixels(name: str, agree: Agree) -> None:
    sizes = GOLDEN.says(name, r"ImageTransform\((\d+), ?(\d+), ?(\d+)\)")
    resized = Resize(*(int(size) for size in sizes.groups()))(picture("img_u8"))
    agree(GOLDEN, name, to_pixels([resized])[0])


@pytest.mark.parametrize("name", GOLDEN.claim(r"pil_bicubic\.\d+x\d+"))
def test_bicubic_of_this_pillow(name: str, agree: Agree) -> None:
    width, height = map(int, re.findall(r"\d+", name))
    resized = picture("img_u8").resize((width, height), Image.Resampling.BICUBIC)
    agree(GOLDEN, name, (to_pixels([resized])[0].permute(1, 2, 0) * 127.5 + 127.5).round().to(torch.uint8))


@pytest.mark.parametrize("name", GOLDEN.claim("img_rgba_to_rgb"))
def test_transparency_over_white(name: str, agree: Agree) -> None:
    flat = read_image(picture("img_rgba"))
    agree(GOLDEN, name, (to_pixels([flat])[0].permute(1, 2, 0) * 127.5 + 127.5).round().to(torch.uint8))


@pytest.mark.parametrize("rule", GOLDEN.scalars.get("image_transform_sizes", {}))
def test_resized_sizes(rule: str) -> None:
    resize = Resize(*map(int, re.findall(r"\d+", rule)))
    cases = GOLDEN.scalars["image_transform_sizes"][rule]
    wrong = [
        case | {"got": size}
        for case in cases
        if (size := list(resize.size(*case["in_wh"]))) != case["out_wh"]
    ]
    assert not wrong


@pytest.mark.parametrize(
    "case", GOLDEN.scalars.get("tokenizer_cases", []), ids=lambda case: repr(case["text"])
)
def test_tokenizer(case: dict, tokenizer: Tokenizer) -> None:
    assert list(tokenizer.encode(case["text"])) == case["ids"]
    assert tokenizer.decode(case["ids"]) == case["decoded"]


def test_special_ids(tokenizer: Tokenizer) -> None:
    ids, special = GOLDEN.scalars["special_ids"], tokenizer.special
    assert special.text_start == ids["bos_token_id"]
    assert special.text_end == ids["eos_token_id"]
    assert special.image_start == ids["start_of_image"]
    assert special.image_end == ids["end_of_image"]
