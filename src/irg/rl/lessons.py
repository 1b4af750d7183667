"""From played episodes to documents that are learned: which tokens and which steps, how much, and which way.

A whole episode is one document: what was read, with its reflections to be learned, and after each of them the
picture that it led to, as it was on its way: NOISY, which nobody else sees.

Shape suffixes: L labelled tokens of a document, S NOISY segments of it, N latent tokens, V values of a token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from irg.core import Document, Kind, Role, Segment
from irg.data.compose import Noising, noised, noised_copies
from irg.data.prepare import seed_of
from irg.rl.episodes import DrawnImage, Sibling, SiblingGroup, WrittenText
from irg.rl.returns import episode_return, weights
from irg.rl.settings import LearningMethod, RlRecipe


@dataclass(frozen=True)
class LearnedImage:
    """A NOISY segment, and what its squared error means."""

    num_tokens: int
    weight: float
    """Of the segment, among those of its episode."""
    precision: float
    """What its mean squared error is multiplied by, to be a negative log-probability."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """An episode to be learned from, in the order of its document's labels and NOISY segments."""

    document: Document
    advantage: float
    weight_L: torch.Tensor
    """Of each label, among those of its episode; 0 for what was not the model's own choice."""
    log_L: torch.Tensor
    """How likely it was when it was sampled."""
    images: tuple[LearnedImage, ...]


def lessons_of(groups: Sequence[SiblingGroup], recipe: RlRecipe, sampler_seed: int) -> Iterator[Lesson]:
    """Of the groups of a step; `sampler_seed` decides the noise in which finished pictures are learned."""
    for group in groups:
        worth = [returned(one, recipe) for one in group.siblings]
        valid = [one.is_valid for one in group.siblings]
        advantages = weights(recipe.learning.method, worth, valid, recipe.returns)
        for number, (sibling, advantage) in enumerate(zip(group.siblings, advantages, strict=True)):
            if advantage:
                yield _lesson(sibling, advantage, recipe, seed_of(sampler_seed, group.slot, number))


def divided(lessons: Sequence[Lesson], most: int) -> list[list[Lesson]]:
    """In order, into parts of so many tokens at most, or of one lesson that is longer."""
    parts: list[list[Lesson]] = []
    room = 0
    for lesson in lessons:
        if (tokens := lesson.document.num_tokens) > room:
            parts.append([])
            room = most
        parts[-1].append(lesson)
        room -= tokens
    return parts


def returned(sibling: Sibling, recipe: RlRecipe) -> float:
    """What an episode was worth."""
    return episode_return(sibling.grades, sibling.is_done, recipe.returns)


def _lesson(sibling: Sibling, advantage: float, recipe: RlRecipe, seed: int) -> Lesson:
    texts = {text.turn: text for text in sibling.texts}
    images = {image.turn: image for image in sibling.images}
    generator = torch.Generator().manual_seed(seed)
    segments: list[Segment] = []
    weight_parts, log_parts = [torch.empty(0)], [torch.empty(0)]
    learned: list[LearnedImage] = []
    for segment in sibling.history:
        written = texts.get(segment.turn) if segment.role is Role.THOUGHT else None
        if written is None:
            segments.append(_ready(segment))
            continue
        segments.append(replace(segment, loss=bool(recipe.learning.text)))
        if recipe.learning.text:
            weight_parts.append(_token_weights(segment, written) / len(texts))
            log_parts.append(_logs(segment, written))
        # The flow of a malformed turn is not to blame.
        if recipe.learning.flow and written.is_valid:
            for noisy, precision in _noisy(images[segment.turn], recipe, generator):
                segments.append(noisy)
                learned.append(LearnedImage(len(noisy.values), 1.0, precision))
    images_learned = tuple(replace(one, weight=1 / len(learned)) for one in learned)
    document = Document(tuple(segments), mode="rl")
    return Lesson(document, advantage, torch.cat(weight_parts), torch.cat(log_parts), images_learned)


def _ready(segment: Segment) -> Segment:
    """What was read, as rows are packed: on the CPU, in float32."""
    if isinstance(segment.data, torch.Tensor):
        return replace(segment, data=segment.data.float().cpu())
    return segment


def _token_weights(segment: Segment, written: WrittenText) -> torch.Tensor:
    """[L], which sum to 1; all zero where the text that is read is not the one that was sampled."""
    weight_L = torch.full((len(segment.ids) + 1,), float(written.is_own))
    if written.is_cut:
        weight_L[-1] = 0
    return weight_L / weight_L.sum().clamp(min=1)


def _logs(segment: Segment, written: WrittenText) -> torch.Tensor:
    return written.log_L if written.is_own else torch.zeros(len(segment.ids) + 1)


def _noisy(
    image: DrawnImage, recipe: RlRecipe, generator: torch.Generator
) -> Iterator[tuple[Segment, float]]:
    """The picture on its way: as it was at the steps that were kept, or in fresh noise."""
    finished = Segment(Kind.CLEAN, Role.IMAGE, image.latent_NV, turn=image.turn, grid=image.grid)
    if recipe.learning.method is not LearningMethod.GRPO:
        noising = Noising(recipe.noising.shift, recipe.noising.copies)
        yield from ((noisy, 1.0) for noisy in noised_copies(finished, noising, generator))
        return
    sampler = recipe.rollouts.sampler
    for step in image.steps:
        at = noised(finished, step.t, torch.zeros_like(image.latent_NV))
        yield replace(at, data=step.latent_NV, target=sampler.target(step)), sampler.precision(step)
