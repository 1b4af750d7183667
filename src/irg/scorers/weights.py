"""Weights of scorers: where they are, and what is said of them beside every score."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irg.core.digest import digest_of

if TYPE_CHECKING:
    import torch

_SAMPLE = 1 << 20
"""Bytes of each end of a file that go into a fingerprint: all of a large model would take minutes."""
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ScorerWeights:
    """The folder of a model: one of the user's, or of the hub's cache."""

    name: str
    folder: Path

    @classmethod
    def find(cls, name: str, needed: Sequence[str] = ("*",)) -> "ScorerWeights":
        """The model given by folder or hub id (`organisation/name`), of which the hub's files that are
        `needed` are fetched. Raises ValueError if there is none."""
        refuse_name(name)
        if (folder := Path(name).expanduser()).is_dir():
            return cls(name, folder)
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            return cls(name, Path(snapshot_download(name, allow_patterns=list(needed))))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as failure:
            raise ValueError(
                f"{name} is no local folder and could not be fetched from the hub: {failure}"
            ) from failure

    @cached_property
    def identity(self) -> dict[str, str]:
        """The hub's revision, or of a folder a hash by the ends of its files, tells weights apart."""
        if _REVISION.fullmatch(self.folder.name):
            return {"model": self.name, "revision": self.folder.name}
        files = sorted(path for path in self.folder.iterdir() if path.is_file())
        return {"model": self.name, "fingerprint": digest_of([_ends(path) for path in files])[:16]}


def refuse_name(name: str) -> None:
    """Raises ValueError for what cannot be a model's name. It fetches nothing."""
    if not Path(name).expanduser().is_dir() and not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f"{name} is neither a folder nor a hub id of the form organisation/name")


def refuse_device(device: str | None) -> None:
    """Raises ValueError for a device that is not there, or if the packages of scorers are not."""
    from irg.model.device import usable_device

    for package in ("transformers", "scipy"):
        if find_spec(package) is None:
            raise ValueError(f"scorers need {package}: pip install 'irg[bench]'")
    usable_device(device)


def arithmetic(device: "torch.device", dtype: "torch.dtype") -> dict[str, str]:
    """What else moves a score's last digits, as a part of an identity."""
    import torch
    import transformers

    return {
        "device": device.type,
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _ends(path: Path) -> list[Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        file.seek(max(size - _SAMPLE, 0))
        return [path.name, size, hashlib.sha256(head + file.read()).hexdigest()]
