import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer as FastTokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from irg.prep import RememberingTokenizer, Tokenizer
from irg.prep.text import DELIMITERS

WORDS = ("a", "red", "circle", "?")


def fast(delimiters: tuple[str, ...] = DELIMITERS) -> FastTokenizer:
    tokenizer = FastTokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(list(delimiters))
    return tokenizer


def test_delimiters_get_their_ids() -> None:
    tokenizer = Tokenizer(fast())
    special = tokenizer.special
    assert (special.text_start, special.text_end, special.image_start, special.image_end) == (4, 5, 6, 7)
    assert tokenizer.size == 8


def test_text_has_no_delimiters_of_its_own() -> None:
    tokenizer = Tokenizer(fast())
    assert tokenizer.encode("a red circle") == (0, 1, 2)
    assert tokenizer.encode("") == ()
    assert tokenizer.decode((0, 1, 2)) == "a red circle"
    assert tokenizer.decode([]) == ""


def test_what_a_tokenizer_adds_by_itself_is_left_out() -> None:
    tokenizer = fast()
    start = DELIMITERS[0]
    tokenizer.post_processor = TemplateProcessing(single=f"{start} $0", special_tokens=[(start, 4)])
    assert tokenizer.encode("a red").ids == [4, 0, 1]
    assert Tokenizer(tokenizer).encode("a red") == (0, 1)


def test_a_delimiter_that_was_written_shows() -> None:
    tokenizer = Tokenizer(fast())
    assert DELIMITERS[3] in tokenizer.decode((0, 7))


def test_missing_delimiters_are_named() -> None:
    with pytest.raises(ValueError, match=r"mine lacks the tokens <\|vision_start\|>, <\|vision_end\|>"):
        Tokenizer(fast(DELIMITERS[:2]), "mine")


def test_a_tokenizer_comes_back_from_its_folder(tmp_path: Path) -> None:
    Tokenizer(fast()).save(tmp_path)
    loaded = Tokenizer.from_folder(tmp_path)
    assert loaded.encode("red circle") == (1, 2)
    assert loaded.special == Tokenizer(fast()).special


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a checkpoint folder: tokenizer\.json is missing"):
        Tokenizer.from_folder(tmp_path)


@pytest.mark.parametrize("content", ["", "{", json.dumps({"version": "1.0"}), "[]"])
def test_a_broken_tokenizer_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a tokenizer file"):
        Tokenizer.from_folder(tmp_path)


def test_a_tokenizer_without_delimiters_in_a_folder(tmp_path: Path) -> None:
    fast(()).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"tokenizer\.json lacks the tokens <\|im_start\|>"):
        Tokenizer.from_folder(tmp_path)


def test_a_remembering_tokenizer_gives_the_same_without_asking_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Tokenizer(fast())
    remembering, asked = RememberingTokenizer(plain), []
    encode = Tokenizer.encode
    monkeypatch.setattr(Tokenizer, "encode", lambda self, text: asked.append(text) or encode(self, text))
    counting = RememberingTokenizer(plain)
    for text in ("a red circle", "a circle", "a red circle"):
        assert counting.encode(text) == remembering.encode(text) == encode(plain, text)
    assert asked == ["a red circle", "a circle"]
