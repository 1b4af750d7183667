"""Models on the hub: how they are named, and fetching of one what is needed.

organisation/name                          its newest revision
organisation/name@revision                 a branch, tag or commit
organisation/name/model.safetensors        with this file of weights, where there are several
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from irg.model.weights import AUTOENCODER_FILE, CheckpointError

_NAME = re.compile(r"([\w.-]+/[\w.-]+?)(?:@([\w./-]+?))?(?:/([\w.-]+\.safetensors))?")


class HubName(NamedTuple):
    """A model on the hub: its repository, which revision of it, which file of weights (None: the usual)."""

    repo: str
    revision: str | None = None
    file: str | None = None

    @classmethod
    def of(cls, name: str) -> "HubName | None":
        """What a name says; None for one that is not written as those of the hub are, or lies here."""
        found = _NAME.fullmatch(name)
        return cls(*found.groups()) if found and not Path(name).exists() else None

    def fetch(self, configuration: Sequence[str], weights: Sequence[str] = ()) -> Path:
        """The folder of its files of these patterns, fetched unless they are here; of `weights` only the
        named file, if one is named, and the autoencoder's. Raises CheckpointError."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        wanted = [*configuration, *([self.file, AUTOENCODER_FILE] if weights and self.file else weights)]
        try:
            return Path(snapshot_download(self.repo, revision=self.revision, allow_patterns=wanted))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as failure:
            at = f" at {self.revision}" if self.revision else ""
            raise CheckpointError(
                f"{self.repo}{at} is no local folder and could not be fetched from the hub: {failure}"
            ) from failure


def is_hub_id(name: str) -> bool:
    """Whether a name is written as one of the hub is, and nothing here has it."""
    return HubName.of(name) is not None
