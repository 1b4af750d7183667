"""Tokenizers: a thin layer over the `tokenizers` library that knows the four delimiters."""

from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer as FastTokenizer

from irg.core import SpecialTokens
from irg.core.files import write_atomically

DELIMITERS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")


class Tokenizer:
    """Text <-> token ids, without delimiters: those belong to segments."""

    def __init__(self, fast: FastTokenizer, source: str = "tokenizer") -> None:
        ids = {token: fast.token_to_id(token) for token in DELIMITERS}
        if missing := [token for token, known in ids.items() if known is None]:
            raise ValueError(f"{source} lacks the tokens {', '.join(missing)}")
        self.fast = fast
        self.special = SpecialTokens(*(known for known in ids.values() if known is not None))

    @classmethod
    def from_folder(cls, folder: Path) -> "Tokenizer":
        path = folder / "tokenizer.json"
        if not path.exists():
            raise ValueError(f"{folder} is not a checkpoint folder: tokenizer.json is missing")
        try:
            return cls(FastTokenizer.from_file(str(path)), str(path))
        except ValueError:
            raise
        except Exception as broken:  # the library raises bare Exception for a malformed file
            raise ValueError(f"{path} is not a tokenizer file: {broken}") from broken

    @property
    def size(self) -> int:
        return self.fast.get_vocab_size()

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.fast.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: list[int] | tuple[int, ...]) -> str:
        return self.fast.decode(list(ids), skip_special_tokens=False)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`."""
        write_atomically(folder / "tokenizer.json", self.fast.to_str(pretty=True))


class RememberingTokenizer(Tokenizer):
    """Remembers what it encoded lately: the modes of a trace share most of their texts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer.fast)
        self.encode = lru_cache(256)(super().encode)
