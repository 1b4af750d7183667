import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from irg.scorers.first_words import USUAL_FIRST_WORDS, FirstWords, messages
from tests.bench.cases import Cases
from tests.scorers.models import TEMPLATE, first_words, transformers

CASES = Cases("geneval2.json", "loading", "message_shape", "chat_template_arguments", "generate_arguments")
QUESTION = "Is it red? Answer in one word."
WORDS = (QUESTION, "Yes yes No 1")


def picture(colour: str) -> Image.Image:
    image = Image.radial_gradient("L").convert("RGB")
    image.paste(colour, (0, 0, 128, 256))
    return image


def test_the_official_model_is_asked_in_the_official_form() -> None:
    names = {named[0] for _, named, _ in CASES["loading"]}
    assert names == {USUAL_FIRST_WORDS}
    (turn,) = CASES["message_shape"]
    image, text = turn["content"]
    assert messages(text["text"]) == [{**turn, "content": [{"type": image["type"]}, text]}]
    assert CASES["chat_template_arguments"]["add_generation_prompt"] is True


def test_the_chances_are_those_of_the_first_word_that_is_written() -> None:
    """By the model's own `generate`, with the arguments of the official script."""
    scorer, image = first_words(WORDS), picture("red")
    chances = scorer(image, QUESTION)
    prepared = scorer._prepare(images=[image], return_tensors="pt")
    pads = int(prepared["image_grid_thw"].prod()) // 4
    text = (
        f"<|im_start|>user\n<|vision_start|>{'<|image_pad|>' * pads}<|vision_end|>{QUESTION}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    ids = scorer._tokenizer(text, return_tensors="pt").input_ids
    written = scorer._model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == scorer._model.config.image_token_id).int(),
        **prepared,
        **CASES["generate_arguments"],
    )
    assert pads == 16 and written.scores[0].shape == (1, len(chances))
    assert chances == pytest.approx(written.scores[0][0].softmax(-1), abs=1e-6)
    assert scorer.likeliest(chances) == scorer._tokenizer.decode(written.sequences[0, -1:])


def test_the_picture_and_the_text_are_both_seen() -> None:
    scorer = first_words(WORDS)
    red = scorer(picture("red"), QUESTION)
    assert red.sum() == pytest.approx(1, abs=1e-5)
    assert (scorer(picture("blue"), QUESTION) - red).abs().max() > 1e-6
    assert (scorer(picture("red"), "Is it red?") - red).abs().max() > 1e-6


def test_a_word_is_known_by_its_first_token() -> None:
    scorer = first_words(WORDS)
    first = scorer.first_tokens(["Yes", "Yes No"])
    assert first[0] == first[1] == scorer._tokenizer.convert_tokens_to_ids("Yes")


def test_a_saved_model_is_loaded_by_its_folder(tmp_path: Path) -> None:
    scorer = first_words(WORDS)
    for part in (scorer._model, scorer._tokenizer, scorer._prepare):
        part.save_pretrained(tmp_path)
    loaded = FirstWords.load(str(tmp_path), "cpu")
    chances = scorer(picture("red"), QUESTION)
    assert loaded(picture("red"), QUESTION).equal(chances)
    assert loaded.identity["pixels"] == [1024, 4096]
    assert loaded.identity["transformers"] == transformers.__version__
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="holds no chat template"):
        FirstWords.load(str(tmp_path), "cpu")
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    assert FirstWords.load(str(tmp_path), "cpu")(picture("red"), QUESTION).equal(chances)
