"""The embedded model's tokenizer: byte-level BPE in which every word of the scene world is one token."""

from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as FastTokenizer

from irg.core.files import write_atomically
from irg.prep.text import DELIMITERS
from irg.world.lessons import VOCABULARY_TEXTS

_WORDS = r" ?[A-Za-z]+(?:-[A-Za-z]+)?| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+"


def train_tokenizer(
    folder: Path, seed: int = 0, num_texts: int = 20_000, extra: tuple[str, ...] = ()
) -> FastTokenizer:
    """Write `tokenizer.json`. Any text can be encoded (bytes are in the vocabulary) and decodes to itself."""
    fast = FastTokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        min_frequency=1,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in DELIMITERS],
    )
    texts = [*VOCABULARY_TEXTS(np.random.default_rng(seed), num_texts), *extra]
    fast.train_from_iterator(texts, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "tokenizer.json", fast.to_str(pretty=True))
    return fast
