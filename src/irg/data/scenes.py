"""Training episodes of the scene world: prompts, thoughts, pictures and reflections, prepared for `compose`.

Image 1 of an improving episode is the right scene with programmatic flaws, or a picture the model drew itself
(`from_sample`); image 2 is the right scene, with everything that image 1 has right where image 1 has it.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image

from irg.core import Grid
from irg.data.modes import Picture, Prepared
from irg.model import Autoencoder, UnifiedModel
from irg.model.autoencoder import to_tokens
from irg.prep import Tokenizer, patches, to_pixels
from irg.world import (
    Family,
    Request,
    Scene,
    Split,
    caption,
    compare,
    fulfil,
    parse,
    parse_thought,
    perturb,
    questions,
    random_scene,
    read,
    reflection,
    render,
    repair,
    sample_edit,
    sample_prompt,
    thought,
)
from irg.world.reading import clear_reading

SYSTEM_PROMPT = "Think, draw, look and improve."
PLAN_QUESTION = "What was the plan?"
COMPARE_QUESTION = "What was improved?"
FAMILY_WEIGHTS = {
    Family.SINGLE: 1,
    Family.TWO: 1,
    Family.COUNTING: 1.5,
    Family.COLORS: 1,
    Family.POSITION: 3,
    Family.ATTRIBUTION: 1.5,
    Family.COMPOUND: 3,
}
NOTHING_WRONG = 0.3
"""Share of improving episodes whose first picture is right, so that the model learns to leave it alone."""


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode in words and pixels: thoughts and pictures per turn."""

    prompt: str
    thoughts: tuple[str, ...]
    pictures: tuple[np.ndarray, ...]
    question: str = ""
    answer: str = ""
    flawed: bool = False
    """Whether the first of two pictures is to be improved, or is right already."""


def improving_episode(rng: Generator) -> Episode:
    """Prompt, thought, flawed picture, reflection, right picture."""
    plan, prompt = _planned(rng)
    first = plan if rng.random() < NOTHING_WRONG else perturb(plan, rng)
    flaws = compare(clear_reading(first), plan)
    pictures = (render(first), render(plan))
    return Episode(prompt, (thought(plan), reflection(flaws, plan)), pictures, flawed=bool(flaws))


def initial_episode(rng: Generator) -> Episode:
    plan, prompt = _planned(rng)
    return Episode(prompt, (thought(plan),), (render(plan),))


def question_episode(rng: Generator) -> Episode:
    """A picture, a question about it and the true answer; half the questions ask for all that it shows."""
    scene = random_scene(rng)
    asked = questions(scene, rng)
    question, answer = (
        ("What is in the picture?", caption(scene)) if rng.random() < 0.4 else asked[rng.integers(len(asked))]
    )
    return Episode("", (), (render(scene),), question, answer)


def edit_episode(rng: Generator) -> Episode:
    scene = random_scene(rng)
    instruction, after = sample_edit(scene, rng)
    return Episode(instruction, (), (render(scene), render(after)))


def from_sample(prompt: str, first_thought: str, picture: np.ndarray, rng: Generator) -> Episode:
    """An improving episode around a picture the model drew: the true reflection on it, the right picture."""
    request, reading = parse(prompt), read(picture)
    try:
        plan: Scene | None = parse_thought(first_thought)
    except ValueError:
        plan = None  # a thought that describes no scene is as good as none: the repair makes its own plan
    target, flaws = repair(request, reading, plan, rng)
    pictures = (picture, render(target))
    return Episode(prompt, (first_thought, reflection(flaws, target)), pictures, flawed=bool(flaws))


def training_prompt(rng: Generator) -> str:
    """A prompt as training sees them: family by weight, wording from the training split."""
    return _request(rng)[1]


def _planned(rng: Generator) -> tuple[Scene, str]:
    request, prompt = _request(rng)
    return fulfil(request, rng), prompt


def _request(rng: Generator) -> tuple[Request, str]:
    families = list(FAMILY_WEIGHTS)
    weights = np.array(list(FAMILY_WEIGHTS.values()))
    family = families[rng.choice(len(families), p=weights / weights.sum())]
    return sample_prompt(rng, family, Split.TRAIN)


class Preparer:
    """Turns episodes into token ids, latents and patches for one model."""

    def __init__(self, model: UnifiedModel, autoencoder: Autoencoder, tokenizer: Tokenizer) -> None:
        self.config = model.config
        self.autoencoder = autoencoder
        self.tokenizer = tokenizer
        self.system = tokenizer.encode(SYSTEM_PROMPT)

    def __call__(self, episodes: Seq[Episode]) -> list[Prepared]:
        """All pictures of the episodes are encoded in one batch."""
        flat = [picture for episode in episodes for picture in episode.pictures]
        ready = iter(self.pictures(flat))
        return [
            Prepared(
                self.system,
                self.tokenizer.encode(episode.prompt),
                tuple(self.tokenizer.encode(text) for text in episode.thoughts),
                tuple(next(ready) for _ in episode.pictures),
                self.tokenizer.encode(episode.question or _standard_question(episode)),
                self.tokenizer.encode(episode.answer),
            )
            for episode in episodes
        ]

    def pictures(self, arrays: Seq[np.ndarray]) -> list[Picture]:
        pixels_BCHW = to_pixels([Image.fromarray(array) for array in arrays])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            latents_BChw = self.autoencoder.encode(pixels_BCHW)
        token_BNV = to_tokens(latents_BChw, self.config.latent_patch).to(torch.bfloat16)
        height, width = pixels_BCHW.shape[2:]
        latent, patch = self.config.pixels_per_latent, self.config.vision.patch
        return [
            Picture(
                tokens,
                Grid(height // latent, width // latent),
                patches(pixels_CHW, patch).to(torch.bfloat16),
                Grid(height // patch, width // patch),
            )
            for tokens, pixels_CHW in zip(token_BNV.clone(), pixels_BCHW, strict=True)
        ]


def _standard_question(episode: Episode) -> str:
    return COMPARE_QUESTION if len(episode.pictures) > 1 else PLAN_QUESTION
