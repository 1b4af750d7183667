"""A folder of pictures that a model drew, with the prompt and thought each was drawn from."""

import json
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from irg.core.files import put_in_place


@dataclass(frozen=True, eq=False)
class Sample:
    """One drawn picture: uint8 [H, W, 3]."""

    prompt: str
    thought: str
    picture: np.ndarray


def write_samples(folder: Path, name: str, samples: Seq[Sample]) -> None:
    """Write one shard: `NAME.json` with the texts, then `NAME.safetensors` with the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [{"prompt": sample.prompt, "thought": sample.thought} for sample in samples]
    (folder / f"{name}.json").write_text(json.dumps(texts))
    partial = folder / f".{name}.partial"
    save_file({"pictures": np.stack([sample.picture for sample in samples])}, partial)
    put_in_place(partial, folder / f"{name}.safetensors")


def read_samples(folder: Path) -> Iterator[Sample]:
    """Samples of every finished shard, in the order of the shards' names."""
    shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        raise ValueError(f"{folder} holds no samples: expected NAME.safetensors with NAME.json beside it")
    for shard in shards:
        texts = json.loads(shard.with_suffix(".json").read_text())
        pictures = load_file(shard)["pictures"]
        for text, picture in zip(texts, pictures, strict=True):
            yield Sample(text["prompt"], text["thought"], picture)
