import re
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irg.data.learning import ModeQuestions
from irg.data.scene_source import SYSTEM_PROMPT
from irg.data.tokenizer import train_tokenizer
from irg.prep import Tokenizer
from irg.prep.text import DELIMITERS
from irg.world import Background, Colour, Shape, Size, Zone
from irg.world.lessons import VOCABULARY_TEXTS
from tests.data.small import tokenizer


def test_every_text_of_the_world_comes_back() -> None:
    """Also texts that the tokenizer was not trained on."""
    texts = [
        *VOCABULARY_TEXTS(np.random.default_rng(0), 1_000),
        *VOCABULARY_TEXTS(np.random.default_rng(9), 1_000),
    ]
    for text in [*texts, SYSTEM_PROMPT, ModeQuestions().plan, ModeQuestions().compare]:
        assert tokenizer().decode(tokenizer().encode(text)) == text


def test_every_word_of_the_world_is_one_token(tmp_path: Path) -> None:
    """Of the tokenizer that is shipped: rare words need its number of texts."""
    shipped = Tokenizer(train_tokenizer(tmp_path))
    for text in VOCABULARY_TEXTS(np.random.default_rng(9), 8_000):
        words = re.findall(r"\w+(?:-\w+)?|[^\w\s]+", text)
        assert [piece.strip() for piece in pieces(text, shipped)] == words


@pytest.mark.parametrize("kind", [Shape, Colour, Size, Zone, Background])
def test_names_are_one_token_inside_a_sentence(kind: type[StrEnum]) -> None:
    for name in kind:
        assert pieces(f"a {name}") == ["a", f" {name}"]


def test_plurals_and_fixed_texts_are_made_of_words() -> None:
    assert [pieces(f"two {shape}s")[1] for shape in Shape] == [f" {shape}s" for shape in Shape]
    for text in (SYSTEM_PROMPT, ModeQuestions().plan, ModeQuestions().compare):
        assert len(pieces(text)) == len(re.findall(r"\w+|[^\w\s]+", text))


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert tokenizer().decode(tokenizer().encode(text)) == text


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=" \n\t-redsquare.19,\u00e9\u4e2d\U0001f600"))
def test_near_words_come_back(text: str) -> None:
    assert tokenizer().decode(tokenizer().encode(text)) == text


def test_delimiters_are_single_tokens_of_their_own() -> None:
    special = tokenizer().special
    ids = [special.text_start, special.text_end, special.image_start, special.image_end]
    assert [tokenizer().fast.token_to_id(name) for name in DELIMITERS] == ids
    assert len(set(ids)) == 4


def test_training_is_repeatable_and_leaves_a_folder_to_load(tmp_path: Path) -> None:
    for name in ("one", "same"):
        train_tokenizer(tmp_path / name, seed=3, num_texts=300)
    one, same = (tmp_path / name / "tokenizer.json" for name in ("one", "same"))
    assert one.read_bytes() == same.read_bytes()
    loaded = Tokenizer.from_folder(tmp_path / "one")
    assert loaded.decode(loaded.encode("two red circles")) == "two red circles"


def test_extra_texts_are_learnt(tmp_path: Path) -> None:
    without = Tokenizer(train_tokenizer(tmp_path, num_texts=50))
    learnt = Tokenizer(train_tokenizer(tmp_path, num_texts=50, extra=("Xylophone!",)))
    assert len(without.encode("Xylophone!")) > 2
    assert len(learnt.encode("Xylophone!")) == 2


def pieces(text: str, using: Tokenizer | None = None) -> list[str]:
    using = using or tokenizer()
    return [using.decode([token]) for token in using.encode(text)]
