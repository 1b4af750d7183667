import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from irg.model.weights import CheckpointError
from irg.scorers.clip_t5 import ClipFlanT5
from tests.scorers.models import clip_t5_parts, seeded

BEFORE, AFTER, LABELS = torch.tensor([4, 5, 1]), torch.tensor([6, 7, 8, 1]), torch.tensor([9, 1])


def small() -> ClipFlanT5:
    return seeded(ClipFlanT5, *clip_t5_parts(20))


def stored(model: ClipFlanT5) -> dict[str, torch.Tensor]:
    """The tensors under the names of t2v_metrics: the vision tower's carry those of older transformers."""
    vision = {
        f"vision_tower.vision_tower.vision_model.{name}": one
        for name, one in model.vision.state_dict().items()
    }
    projector = {f"mm_projector.{name}": one for name, one in model.projector.state_dict().items()}
    language = {name: one for name, one in model.language.state_dict().items() if "embed_tokens" not in name}
    return {**language, **projector, **vision}


def write(folder: Path, model: ClipFlanT5, state: dict[str, torch.Tensor]) -> Path:
    """A checkpoint whose vision tower has a folder of its own, beside it."""
    model.vision.save_pretrained(folder / "tower")
    content = {**model.language.config.to_dict(), "model_type": "clip_t5"}
    content["mm_vision_tower"] = str(folder / "tower")
    (folder / "config.json").write_text(json.dumps(content))
    save_file({name: one.clone() for name, one in state.items()}, folder / "model.safetensors")
    return folder


def logits(model: ClipFlanT5) -> torch.Tensor:
    pixels = seeded(torch.randn, 2, 3, 32, 32)
    with torch.inference_mode():
        return model(pixels, BEFORE, AFTER, LABELS)


def test_the_picture_stands_between_the_two_parts_of_the_text() -> None:
    """By hand: the last layer but one without its first token, projected, embeddings around it."""
    model = small()
    pixels = seeded(torch.randn, 1, 3, 32, 32)
    with torch.inference_mode():
        seen = model.vision(pixel_values=pixels, output_hidden_states=True).hidden_states[2][:, 1:]
        table = model.language.shared.weight
        inputs = torch.cat([table[BEFORE][None], model.projector(seen), table[AFTER][None]], dim=1)
        assert inputs.shape == (1, 3 + 16 + 4, 32)
        expected = model.language(inputs_embeds=inputs, decoder_input_ids=torch.tensor([[0, 9]])).logits
        assert model(pixels, BEFORE, AFTER, LABELS).equal(expected)


def test_each_picture_is_looked_at_by_itself() -> None:
    both = logits(small())
    assert both.shape == (2, 2, 20) and (both[0] - both[1]).abs().max() > 1e-4


@pytest.mark.parametrize("form", ["safetensors", "bin", "without a tower"])
def test_a_checkpoint_of_t2v_metrics_is_read_under_its_names(tmp_path: Path, form: str) -> None:
    model = small()
    state = stored(model) | {"embed_tokens.weight": torch.zeros(20, 32)}
    if form == "without a tower":
        state = {name: one for name, one in state.items() if not name.startswith("vision_tower")}
    folder = write(tmp_path, model, state)
    if form == "bin":
        (folder / "model.safetensors").unlink()
        half = [*state][: len(state) // 2]
        torch.save({name: state[name] for name in half}, folder / "pytorch_model-00001-of-00002.bin")
        torch.save(
            {name: one for name, one in state.items() if name not in half},
            folder / "pytorch_model-00002-of-00002.bin",
        )
    assert logits(ClipFlanT5.from_folder(folder, torch.float32)).equal(logits(model))


def test_what_is_wrong_with_a_checkpoint_is_told(tmp_path: Path) -> None:
    model = small()
    state = stored(model)
    state["extra"] = state.pop("lm_head.weight")
    folder = write(tmp_path, model, state)
    with pytest.raises(CheckpointError, match=r"2 problem.*unexpected extra; missing lm_head\.weight"):
        ClipFlanT5.from_folder(folder, torch.float32)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="holds no weights"):
        ClipFlanT5.from_folder(folder, torch.float32)
    (folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="names no mm_vision_tower"):
        ClipFlanT5.from_folder(folder, torch.float32)
