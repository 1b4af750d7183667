"""Traces: whole episodes, and the folders they are saved in."""

import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import ConfigDict, Field

from irg.core.files import inside, read_json, refuse_link, write_atomically
from irg.core.reading import read_image
from irg.core.settings import BaseSettings, Seed, checked

VERSION = 1
FILE = "trace.json"
_PARTS = ("id", "prompt", "system_prompt", "seed", "model", "settings", "questions", "modes", "provenance")
"""Of a trace, as they are written."""


@dataclass(frozen=True)
class Verdict:
    """What a judge said of an image: right or not, what is wrong in words, and any scores by name."""

    correct: bool
    flaws: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, flaws: tuple[str, ...]) -> "Verdict":
        """Right is what has no flaws."""
        return cls(not flaws, flaws)


@dataclass(frozen=True, eq=False)
class Turn:
    """One thought (a reflection, from turn 2 on; None for drawing at once) and the image it led to."""

    thought: str | None
    image: Image.Image
    verdict: Verdict | None = None
    """What a judge said, where there was one."""
    capped: bool = False
    """The thought was ended by the length cap."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds of the turn's parts."""
    given: bool = False
    """The image was given to begin from, and not drawn."""
    revised: bool = False
    """The thought was written by somebody else than the model, who put it in the place of the model's."""
    kept: bool = False
    """The thought ended the episode, and the image is still that of the turn before."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A prompt and its turns, with everything needed to make the episode again."""

    prompt: str
    turns: tuple[Turn, ...]
    seed: int
    system_prompt: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """The plan that it was made by, as JSON (`Plan.from_json`)."""
    model: dict[str, Any] = field(default_factory=dict)
    """What the model was: its name, the fingerprint of its weights, device, type, versions."""
    source: Image.Image | None = None
    """The image that was edited, if this was an edit."""
    questions: tuple[tuple[str, str], ...] = ()
    """Questions about the last image, with their answers."""
    modes: tuple[str, ...] = ()
    """The learning modes that this trace may teach; none named means every one that it has the parts for."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where it came from: source, licence, teacher, templates. Its values are JSON."""
    id: str = ""
    """Names it in a store; empty until it is given one."""
    answer: str | None = None
    """The text with which it ended, where no image goes with it."""
    ending: str = ""
    """Why it ended, where a text decided on that."""

    @property
    def image(self) -> Image.Image:
        """The last image. Raises ValueError where there is none."""
        if not self.turns:
            raise ValueError("this trace has no turns, and so no image")
        return self.turns[-1].image

    def save(self, folder: str | Path) -> None:
        """Write `trace.json` and the images, as PNG; the JSON comes last, so that a folder with it is whole.
        The folder is made if need be. Raises OSError where it cannot be written."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.source is not None:
            write_atomically(folder / "source.png", png(self.source))
        for number, turn in enumerate(self.turns, start=1):
            write_atomically(folder / f"turn{number}.png", png(turn.image))
        content = json.dumps(self._as_json(), indent=1, ensure_ascii=False)
        write_atomically(folder / FILE, content + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> "Trace":
        """Read a saved trace, by its folder or its `trace.json`.

        Raises ValueError when there is none, or one of another version, and ImageError for a broken image.
        """
        folder = Path(folder)
        if folder.name == FILE and not folder.is_dir():
            folder = folder.parent
        path = folder / FILE
        if not path.exists():
            raise ValueError(f"{folder} holds no trace: trace.json is missing")
        content = read_json(path)
        if content.get("version") != VERSION:
            raise ValueError(f"{path} has version {content.get('version')}, expected {VERSION}")
        saved = checked(_SavedTrace, content, f"{path} is no trace")
        return cls(
            turns=tuple(turn.opened(folder) for turn in saved.turns),
            source=_open(folder, saved.source) if saved.source else None,
            questions=tuple((question, answer) for question, answer in saved.questions),
            modes=tuple(saved.modes),
            answer=saved.answer,
            ending=saved.ending,
            **{name: getattr(saved, name) for name in _PARTS if name not in ("questions", "modes")},
        )

    def _repr_html_(self) -> str:
        """How notebooks show it."""
        from irg.core.shown import html_of

        return html_of(self)

    def _as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            **{name: getattr(self, name) for name in _PARTS},
            **{name: getattr(self, name) for name in ("answer", "ending") if getattr(self, name)},
            "source": "source.png" if self.source is not None else None,
            "turns": [
                {
                    "thought": turn.thought,
                    "capped": turn.capped,
                    "image": f"turn{number}.png",
                    "verdict": turn.verdict and asdict(turn.verdict),
                    "seconds": {name: round(value, 4) for name, value in turn.seconds.items()},
                    **{name: True for name in ("given", "revised", "kept") if getattr(turn, name)},
                }
                for number, turn in enumerate(self.turns, start=1)
            ],
        }


class _Saved(BaseSettings):
    """What stands in a file: of these types, without a word of conversion."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _SavedVerdict(_Saved):
    correct: bool
    flaws: list[str]
    scores: dict[str, float] = Field(default_factory=dict)


class _SavedTurn(_Saved):
    thought: str | None
    image: str
    verdict: _SavedVerdict | None
    capped: bool = False
    seconds: dict[str, float] = Field(default_factory=dict)
    given: bool = False
    revised: bool = False
    kept: bool = False

    def opened(self, folder: Path) -> Turn:
        said = self.verdict
        verdict = said and Verdict(said.correct, tuple(said.flaws), said.scores)
        image = _open(folder, self.image)
        flags = self.capped, self.seconds, self.given, self.revised, self.kept
        return Turn(self.thought, image, verdict, *flags)


class _SavedTrace(_Saved):
    model_config = ConfigDict(extra="ignore")

    prompt: str
    turns: list[_SavedTurn]
    seed: Seed
    source: str | None
    system_prompt: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)
    questions: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(default_factory=list)
    modes: list[str] = Field(default_factory=list)
    provenance: dict[str, Any] = Field(default_factory=dict)
    id: str = ""
    answer: str | None = None
    ending: str = ""


def _open(folder: Path, name: str) -> Image.Image:
    """A picture of a trace. Raises ImageError for a broken one, OSError for a file that cannot be had, and
    ValueError for one that lies elsewhere."""
    path = inside(folder, name)
    refuse_link(path, folder, (folder / "trace.json").resolve().parent)
    return read_image(path.read_bytes(), str(path))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
