"""Sending a checkpoint, or adapters alone, to the hub. Nothing is sent before all has been looked at."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from irg.core.files import write_atomically
from irg.model.adapter_file import CONFIG, AdapterFolder
from irg.model.checkpoint import CheckpointFolder
from irg.model.hub import HubName
from irg.pipeline import Settings
from irg.publish.card import FILE
from irg.publish.card_front import licence_front
from irg.publish.upload import Upload, check_name, commit

_SENT = (".json", ".txt", ".model", ".jinja", ".safetensors", ".md")
_NAMES = ("LICENSE", "LICENCE", "NOTICE")
_OLD = ("*.safetensors", "*.safetensors.index.json")
"""What makes up a checkpoint's weights on the hub, in whose place the new ones come."""


@dataclass(frozen=True)
class SentWeights:
    """What is said of a checkpoint. `base` is the hub id of what it was trained from, if it has one."""

    upload: Upload
    licence: str
    base: str | None = None
    about: str = ""


def check_weights(weights: SentWeights) -> dict[str, int]:
    """The files that would be sent, the card among them, with their sizes.

    Raises ValueError for what is no name on the hub, and for a folder that is no whole checkpoint, holds what
    does not belong to one, or has adapters to something that nobody else has.
    """
    folder = weights.upload.folder
    check_name(weights.upload.repo, "model")
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder, expected a checkpoint")
    if (adapters := AdapterFolder.at(folder)) is not None:
        base = weights.base or adapters.base
        if (name := HubName.of(base)) is None or name.repo != base:
            raise ValueError(f"the adapters are of {base}, which nobody else has: expected --base OWNER/NAME")
        _ = adapters.factors
    elif problems := CheckpointFolder(folder).inspect()[1]:
        raise ValueError(f"{folder} is no whole checkpoint: {'; '.join(problems[:5])}")
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if strays := [name for name in names if not _belongs(folder / name)]:
        raise ValueError(f"{folder} holds what is no part of a checkpoint: {', '.join(strays[:5])}")
    sizes = {name: (folder / name).stat().st_size for name in names}
    return {**sizes, **{name: len(content) for name, content in _made(weights).items()}}


def send_weights(weights: SentWeights) -> str:
    """Send it, in the place of what weights are there. Returns the address of the commit.

    Raises as `check_weights` and `irg.publish.upload.send` do.
    """
    names, folder, made = check_weights(weights), weights.upload.folder, _made(weights)
    with tempfile.TemporaryDirectory() as name:
        staged = Path(name)
        for file in names:
            if file in made:
                write_atomically(staged / file, made[file])
            else:
                (staged / file).symlink_to((folder / file).resolve())
        return commit(weights.upload, staged, "model", _OLD)


def card(weights: SentWeights) -> str:
    """A card for a checkpoint that has none: its licence, what it comes from, and how it is used."""
    folder, repo = weights.upload.folder, weights.upload.repo
    adapters = AdapterFolder.at(folder)
    base = weights.base or (adapters and adapters.base)
    head: dict[str, Any] = {
        **licence_front([weights.licence]),
        "pipeline_tag": "text-to-image",
        "tags": ["interleaved-reasoning", "reflection"],
        **({"base_model": base} if base else {}),
        **({"library_name": "peft"} if adapters else {}),
    }
    settings = Settings.from_folder(folder)
    thinks = "with" if settings.plan().turns[0].think else "without"
    facts = [
        f"- draws {settings.width}x{settings.height} pixels in {settings.num_points} time points",
        f"- {settings.turns} turn{'s' * (settings.turns > 1)}, {thinks} a thought",
        *([f"- knows the {settings.world} world only"] if settings.world else []),
    ]
    said = f"{weights.about.strip()}\n\n" if weights.about.strip() else ""
    use = f'```bash\nirg generate "..." --model {repo}\n```'
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n# {repo.split('/')[1]}\n\n{said}" + "\n".join(facts) + f"\n\n{use}\n"


def _made(weights: SentWeights) -> dict[str, bytes]:
    """The files that are sent otherwise than they lie there: a card where there is none, and of adapters the
    name of what they are added to, where it is given."""
    folder = weights.upload.folder
    made: dict[str, bytes] = {}
    if not (folder / FILE).exists():
        made[FILE] = card(weights).encode()
    if weights.base is not None and (adapters := AdapterFolder.at(folder)) is not None:
        made[CONFIG] = adapters.config_with(weights.base).encode()
    return made


def _belongs(path: Path) -> bool:
    return path.is_file() and (path.suffix in _SENT or path.name in _NAMES)
