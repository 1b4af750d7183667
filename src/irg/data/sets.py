"""A finished set: a folder with its parts, each a store of traces, and what it came to.

OUT/data/train, OUT/data/held_out    stores that `irg train` reads (`irg.data.traces`)
OUT/manifest.json                    what the run that made it came to
OUT/work                             what its stages made on the way, which is no data (`is_work`)
"""

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Any

from irg.core.files import read_json
from irg.core.output import made_in

CURATION = "curation"
"""The kind of folder that a set lies in."""
WORK = "work"
MANIFEST = "manifest.json"
VERSION = 1
TRAIN, HELD_OUT = "train", "held_out"


def read_manifest(out: Path) -> dict[str, Any] | None:
    """What the last run in this folder came to; None before there is one. Raises ValueError for another's."""
    path = out / MANIFEST
    if not path.exists():
        return None
    content = read_json(path)
    if content.get("version") != VERSION or "shards" not in content:
        raise ValueError(f"{path} is no manifest of a curation of version {VERSION}")
    return content


def is_work(file: Path, root: Path) -> bool:
    """Whether a file below `root` lies in the working folder of a curation that is there too."""
    names = file.relative_to(root).parts[:-1]
    return any(
        name == WORK and made_in(root.joinpath(*names[:depth])) == CURATION
        for depth, name in enumerate(names)
    )


def is_held_out(prompt: str, share: float) -> bool:
    """Whether a prompt is kept from training: by a hash of its words, so that it is everywhere or nowhere."""
    digest = hashlib.sha256(plain(prompt).encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def plain(prompt: str) -> str:
    """What two prompts share that differ only in case, punctuation and spaces."""
    text = unicodedata.normalize("NFKC", prompt).casefold()
    return " ".join(re.findall(r"\w+", text))
