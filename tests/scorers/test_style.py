"""A tower of transformers against OpenAI's own arithmetic in plain torch, with random weights."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

pytest.importorskip("transformers", reason="style encoders need the extra `bench`")

from irg.scorers.pictures import for_clip
from irg.scorers.style import StyleTower, read_official

WIDTH, LAYERS, PATCH, SIDE, OUT = 64, 2, 8, 16, 12


def picture(seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    """Under OpenAI's names."""
    generator = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * 0.2

    def norm(name: str) -> dict[str, torch.Tensor]:
        return {f"{name}.weight": 1 + some(WIDTH), f"{name}.bias": some(WIDTH)}

    found = {
        "conv1.weight": some(WIDTH, 3, PATCH, PATCH),
        "class_embedding": some(WIDTH),
        "positional_embedding": some((SIDE // PATCH) ** 2 + 1, WIDTH),
        **norm("ln_pre"),
        **norm("ln_post"),
    }
    for number in range(LAYERS):
        block = f"transformer.resblocks.{number}"
        found |= norm(f"{block}.ln_1") | norm(f"{block}.ln_2")
        for name, shape in {
            "attn.in_proj_weight": (3 * WIDTH, WIDTH),
            "attn.in_proj_bias": (3 * WIDTH,),
            "attn.out_proj.weight": (WIDTH, WIDTH),
            "attn.out_proj.bias": (WIDTH,),
            "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
            "mlp.c_fc.bias": (4 * WIDTH,),
            "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
            "mlp.c_proj.bias": (WIDTH,),
        }.items():
            found[f"{block}.{name}"] = some(*shape)
    return found


def by_hand(held: dict[str, torch.Tensor], pixels: torch.Tensor) -> torch.Tensor:
    """The naive twin: OpenAI's vision transformer, one head of 64."""

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (WIDTH,), held[f"{name}.weight"], held[f"{name}.bias"])

    x = functional.conv2d(pixels[None], held["conv1.weight"], stride=PATCH).flatten(2)[0].T
    x = norm("ln_pre", torch.cat([held["class_embedding"][None], x]) + held["positional_embedding"])
    for number in range(LAYERS):
        block = f"transformer.resblocks.{number}"
        rows = norm(f"{block}.ln_1", x) @ held[f"{block}.attn.in_proj_weight"].T
        query, key, value = (rows + held[f"{block}.attn.in_proj_bias"]).chunk(3, dim=-1)
        seen = torch.softmax(query @ key.T / WIDTH**0.5, dim=-1) @ value
        x = x + seen @ held[f"{block}.attn.out_proj.weight"].T + held[f"{block}.attn.out_proj.bias"]
        inner = norm(f"{block}.ln_2", x) @ held[f"{block}.mlp.c_fc.weight"].T + held[f"{block}.mlp.c_fc.bias"]
        inner = inner * torch.sigmoid(1.702 * inner)
        x = x + inner @ held[f"{block}.mlp.c_proj.weight"].T + held[f"{block}.mlp.c_proj.bias"]
    return norm("ln_post", x[0])


def checkpoint(folder: Path, held: dict[str, torch.Tensor], projection: torch.Tensor) -> Path:
    """As CSD's code saves it, its arguments included."""
    state = {f"module.backbone.{name}": value for name, value in held.items()}
    state |= {"module.last_layer_style": projection, "module.last_layer_content": projection + 1}
    path = folder / "checkpoint.pth"
    torch.save({"model_state_dict": state, "args": argparse.Namespace(lr=0.1), "epoch": 3}, path)
    return path


def clip_tower(folder: Path) -> str:
    """A tower with a projection, as transformers saves it, of random weights."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=OUT,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    return str(folder)


def test_csd_is_openai_s_tower_with_a_projection_of_its_own(tmp_path: Path) -> None:
    held, projection = weights(), torch.randn((WIDTH, OUT), generator=torch.Generator().manual_seed(1))
    tower = StyleTower.csd(checkpoint(tmp_path, held, projection), "cpu")
    expected = functional.normalize(by_hand(held, for_clip(picture(), SIDE)) @ projection, dim=-1)
    torch.testing.assert_close(tower(picture()), expected, rtol=1e-4, atol=1e-5)
    assert tower.identity["dtype"] == "float32" and "fingerprint" in tower.identity


def test_a_clip_tower_has_its_projection_and_computes_in_bfloat16(tmp_path: Path) -> None:
    tower = StyleTower.clip(clip_tower(tmp_path), "cpu")
    found = tower(picture())
    assert found.shape == (OUT,) and found.dtype == torch.bfloat16
    assert float(found.float().norm()) == pytest.approx(1, abs=0.01)
    assert tower.identity["dtype"] == "bfloat16"


def test_what_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    torch.save({"model_state_dict": {}}, tmp_path / "empty.pth")
    with pytest.raises(ValueError, match=r"empty\.pth is no checkpoint of CSD"):
        StyleTower.csd(tmp_path / "empty.pth")
    held = weights()
    del held["ln_post.bias"]
    with pytest.raises(ValueError, match=r"lacking .*post_layernorm"):
        StyleTower.csd(checkpoint(tmp_path, held, torch.zeros(WIDTH, OUT)), "cpu")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "odd.pt")
    with pytest.raises(ValueError, match=r"odd\.pt cannot be read"):
        read_official(tmp_path / "odd.pt")
    torch.save({"cubism": np.eye(2, dtype=np.float32)}, tmp_path / "arrays.pt")
    assert read_official(tmp_path / "arrays.pt")["cubism"].tolist() == [[1, 0], [0, 1]]
