"""What a checkpoint is, from its configuration and the headers of its weight files; no weights are loaded."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from irg.core.segment import DELIMITERS, Grid
from irg.model import Autoencoder, ModelConfig
from irg.model.checkpoint import EMBEDDED, CheckpointFolder
from irg.model.hollow import hollow
from irg.model.parts import ModelPart, part_of
from irg.model.unified import skeleton
from irg.model.weights import WeightFile
from irg.pipeline import Settings

BFLOAT16_BYTES = 2
_POSITIONS = "position tables"
_TITLES = {
    ModelPart.UNDERSTANDING: "understanding expert",
    ModelPart.GENERATION: "generation expert",
    ModelPart.EMBEDDINGS: "token embedding",
    ModelPart.HEAD: "language head",
    ModelPart.VISION: "vision tower",
    ModelPart.CONNECTOR: "vision connector",
    ModelPart.LATENTS: "flow input and output",
}


@dataclass(frozen=True, eq=False)
class Description:
    """Everything that `irg info` shows."""

    name: str
    folder: Path
    config: ModelConfig
    settings: Settings
    parameters: dict[str, int]
    """By part."""
    files: tuple[WeightFile, ...]
    problems: tuple[str, ...]
    """What keeps the checkpoint from being loaded."""

    @property
    def num_parameters(self) -> int:
        return sum(self.parameters.values())

    @property
    def weight_bytes(self) -> int:
        """Memory of the weights in bfloat16."""
        return self.num_parameters * BFLOAT16_BYTES

    @property
    def bytes_per_token(self) -> int:
        """Memory of one cached token in bfloat16: a key and a value in every layer."""
        decoder = self.config.decoder
        return 2 * decoder.num_layers * decoder.num_kv_heads * decoder.head_width * BFLOAT16_BYTES

    @property
    def episode_tokens(self) -> int:
        """Tokens of a two-turn episode of the usual size with thoughts as long as they may be."""
        settings = self.settings
        size = settings.width, settings.height
        clean = Grid.of(settings.clean.size(*size), self.config.pixels_per_latent)
        view = Grid.of(settings.view.size(*size), self.config.vision.patch)
        images = sum(grid.num_tokens + DELIMITERS for grid in (clean, view))
        return 2 * settings.max_thought_tokens + images

    def as_json(self) -> dict[str, Any]:
        return {
            "checkpoint": self.name,
            "folder": str(self.folder),
            "architecture": asdict(self.config),
            "parameters": {**self.parameters, "total": self.num_parameters},
            "files": [asdict(file) for file in self.files],
            "settings": self.settings.model_dump(mode="json", exclude={"scores"}),
            "memory_bfloat16": {
                "weights": self.weight_bytes,
                "context_per_token": self.bytes_per_token,
                "context_of_an_episode": self.bytes_per_token * self.episode_tokens,
            },
            "scores": self.settings.scores,
            "problems": list(self.problems),
        }


def describe(model: str | None) -> Description:
    """Describe a checkpoint given as for `load_pipeline`. Of a hub id, only the configuration is fetched."""
    folder = CheckpointFolder.find(model, weights=False)
    settings = Settings.of(folder)
    files, problems = folder.inspect()
    return Description(
        model or EMBEDDED,
        folder.path,
        folder.config,
        settings,
        _count(folder.config),
        tuple(files),
        tuple(problems),
    )


def _count(config: ModelConfig) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for name, value in skeleton(config).state_dict().items():
        counts[_POSITIONS if name.endswith(".table") else _TITLES[part_of(name)]] += value.numel()
    with hollow():
        autoencoder = Autoencoder(config.autoencoder)
    sizes = {title: counts[title] for title in (*_TITLES.values(), _POSITIONS)}
    return {**sizes, "autoencoder": sum(value.numel() for value in autoencoder.state_dict().values())}
