"""What is measured: an episode of a random model, of lengths that are known beforehand."""

from dataclasses import astuple, dataclass, replace

import torch
from tokenizers import Tokenizer as FastTokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from irg.core.values import check_number
from irg.engine import Guidance, Renorm, Saving
from irg.model import Autoencoder, ModelConfig
from irg.model.float8 import check_float8
from irg.model.hollow import hollow
from irg.model.low_bit import Quantize, quantize
from irg.model.presets import cut, random_model, randomised
from irg.pipeline import Pipeline, Plan, Settings
from irg.prep import Resize, Tokenizer
from irg.prep.text import DELIMITERS

THREE_BRANCHES = Guidance(4.0, 2.0, (0.0, 1.0), Renorm.TEXT_CHANNEL)
"""That of BAGEL's later turns: the main branch, one without the newest text, one without pictures."""
_NONE = Guidance(1.0, 1.0, (0.0, 1.0), Renorm.NONE)


@dataclass(frozen=True)
class Usual:
    """What the episodes of a preset are like."""

    side: int
    thought_tokens: int
    points: int
    first: Guidance
    later: Guidance


_BAGEL = (Guidance(), THREE_BRANCHES)
USUAL = {
    "bagel_7b": Usual(1024, 600, 50, *_BAGEL),
    "mid": Usual(256, 64, 50, *_BAGEL),
    "embedded": Usual(128, 60, 9, _NONE, _NONE),
    "tiny": Usual(64, 8, 4, *_BAGEL),
}


@dataclass(frozen=True)
class EpisodeWorkload:
    """Two turns of one episode, a thought and a picture each. None stands for what is usual of the preset."""

    preset: str = "mid"
    layers: int | None = None
    """Of the decoder; None: all."""
    side: int | None = None
    """Pixels per side of a picture."""
    thought_tokens: int | None = None
    points: int | None = None
    system_tokens: int = 283
    prompt_tokens: int = 64
    weights: Quantize = Quantize.NONE
    """How the experts' projections are held."""
    every: int = 1
    """Steps for each evaluation of the model (`irg.engine.Saving`)."""
    compiled: bool = False
    """Whether steps are compiled, and graphs on a GPU."""

    def __post_init__(self) -> None:
        if self.compiled and self.weights is not Quantize.NONE:
            raise ValueError(f"compiled steps of weights held as {self.weights}: expected one or the other")
        for name in ("side", "thought_tokens"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), 1, whole=True)
        self.plan.grid(self.config)

    @property
    def config(self) -> ModelConfig:
        """Raises ValueError where the preset has no so many layers."""
        return cut(self.preset, self.layers, None)

    @property
    def usual(self) -> Usual:
        """What this episode is like."""
        asked = {name: getattr(self, name) for name in ("side", "thought_tokens", "points")}
        return replace(USUAL[self.preset], **{name: one for name, one in asked.items() if one is not None})

    @property
    def settings(self) -> Settings:
        usual, patch = self.usual, self.config.vision.patch
        seen = max(usual.side // patch, 1) * patch
        return Settings(
            system_prompt=_text(self.system_tokens),
            width=usual.side,
            height=usual.side,
            num_points=usual.points,
            first=usual.first,
            later=usual.later,
            clean=Resize(usual.side, usual.side, self.config.pixels_per_latent),
            view=Resize(seen, seen, patch),
            max_thought_tokens=usual.thought_tokens,
        )

    @property
    def plan(self) -> Plan:
        return self.saving(self.settings.plan(turns=2))

    def saving(self, plan: Plan) -> Plan:
        """The plan with the evaluations that are made of it here."""
        turns = tuple(replace(turn, saving=Saving(self.every)) for turn in plan.turns)
        return replace(plan, turns=turns)

    @property
    def prompt(self) -> str:
        return _text(self.prompt_tokens)

    def pipeline(self, device: torch.device, dtype: torch.dtype) -> Pipeline:
        if self.weights is Quantize.FP8_MATMUL:
            check_float8(device, dtype)
        pipeline = random_pipeline(self.config, self.settings, device, dtype, self.weights)
        if not self.compiled:
            return pipeline
        parts = pipeline.parts
        return Pipeline(parts.model, parts.autoencoder, parts.tokenizer, parts.settings, compiled=True)


def random_pipeline(
    config: ModelConfig,
    settings: Settings,
    device: torch.device,
    dtype: torch.dtype,
    weights: Quantize = Quantize.NONE,
) -> Pipeline:
    """Random weights; thoughts never end before their length is reached, and hold no delimiters, which would
    make them be read anew."""
    model = random_model(config, device, dtype)
    quantize(model, weights)
    model.join()
    tokenizer = counting_tokenizer(config.decoder.vocabulary)
    with torch.no_grad():
        # Far below the best of all others.
        model.decoder.head.weight[list(astuple(tokenizer.special))] = 0.0
    with hollow():
        autoencoder = Autoencoder(config.autoencoder)
    autoencoder = randomised(autoencoder.to(dtype), device)
    return Pipeline(model.eval(), autoencoder.eval(), tokenizer, settings)


def counting_tokenizer(vocabulary: int) -> Tokenizer:
    """A tokenizer whose words are numbers, one for every id: every text of them is as long as it is said."""
    words = {f"{number} ": number for number in range(vocabulary - len(DELIMITERS))}
    words |= {name: vocabulary - len(DELIMITERS) + place for place, name in enumerate(DELIMITERS)}
    fast = FastTokenizer(WordLevel(words, unk_token=DELIMITERS[0]))
    fast.pre_tokenizer = Split(" ", "merged_with_previous")  # type: ignore[assignment]
    fast.decoder = Fuse()  # type: ignore[assignment]
    return Tokenizer(fast)


def _text(num_tokens: int) -> str:
    return "".join(f"{number % 100} " for number in range(num_tokens))
