"""Measures what `irg bench scene` does not: the oracle, the autoencoder's round trip, plans, answers, edits.

    .venv/bin/python docs/measure_embedded.py [SHARE]

SHARE in (0, 1] takes that part of the counts, for a quick look; all of it takes about a minute on two cores.
"""

import sys

import numpy as np
import torch
from PIL import Image

from irg.core.events import Done, ThoughtDone
from irg.engine import SeededDraws
from irg.pipeline import Pipeline, load_pipeline
from irg.prep import to_pixels, to_uint8
from irg.world import (
    Colour,
    Scene,
    Shape,
    fulfils,
    parse,
    parse_thought,
    questions,
    random_scene,
    read,
    render,
    sample_edit,
)

BATCH = 50


def reads_as(picture: np.ndarray, scene: Scene, ignore_background: bool = False) -> bool:
    reading = read(picture)
    return reading.is_clean and reading.scene.same_content(scene, ignore_background)


def round_trips(pipeline: Pipeline, count: int) -> str:
    rng, autoencoder = np.random.default_rng(11), pipeline.parts.autoencoder
    direct = decoded = 0
    for _ in range(count):
        scene = random_scene(rng, allow_held_out=True)
        picture = render(scene)
        with torch.inference_mode():
            pixels = autoencoder.decode(autoencoder.encode(to_pixels([Image.fromarray(picture)])))
        direct += reads_as(picture, scene)
        decoded += reads_as(to_uint8(pixels)[0], scene)
    return f"scenes read back exactly: {direct} of {count}; after the autoencoder: {decoded} of {count}"


def plans(pipeline: Pipeline, count: int) -> str:
    """Thoughts for prompts like "a red star left of a blue heart" that describe such a scene."""
    rng, outcome = np.random.default_rng(79), []
    plan = pipeline.settings.plan(turns=1)
    for direction in ("above", "below", "left of", "right of"):
        prompts = []
        for _ in range(max(count // 4, 1)):
            (one, other), (first, second) = rng.permutation(len(Colour))[:2], rng.permutation(len(Shape))[:2]
            things = [
                f"{tuple(Colour)[one]} {tuple(Shape)[first]}",
                f"{tuple(Colour)[other]} {tuple(Shape)[second]}",
            ]
            prompts.append(f"a {things[0]} {direction} a {things[1]}")
        rollout = pipeline.rollout(prompts, plan, [SeededDraws(seed) for seed in range(len(prompts))])
        rollout.look(plan.turns[0])
        for _ in rollout.think():
            pass
        right = [
            fulfils(parse_thought(drawn.thought or ""), parse(prompt))
            for drawn, prompt in zip(rollout.drawn, prompts, strict=True)
        ]
        outcome.append(f"{direction} {sum(right)} of {len(right)}")
    return f"plans right: {', '.join(outcome)}"


def answers(pipeline: Pipeline, count: int) -> str:
    rng, asked = np.random.default_rng(77), []
    for _ in range(count):
        scene = random_scene(rng)
        options = questions(scene, rng)
        asked.append((Image.fromarray(render(scene)), *options[rng.integers(len(options))]))
    outcome: dict[str, list[bool]] = {}
    for start in range(0, count, BATCH):
        batch = asked[start : start + BATCH]
        pairs = [(image, question) for image, question, _ in batch]
        for row, event in pipeline.ask_batch(pairs, list(range(len(batch)))):
            if isinstance(event, ThoughtDone):
                _, question, truth = batch[row]
                outcome.setdefault(" ".join(question.split()[:2]), []).append(event.text == truth)
    right = sum(map(sum, outcome.values()))
    kinds = ", ".join(f"{kind} {sum(hits)} of {len(hits)}" for kind, hits in sorted(outcome.items()))
    return f"questions answered exactly: {right} of {count} ({kinds})"


def edits(pipeline: Pipeline, count: int) -> str:
    rng, outcome = np.random.default_rng(78), {}
    for seed in range(count):
        scene = random_scene(rng)
        instruction, after = sample_edit(scene, rng)
        *_, done = pipeline.edit(Image.fromarray(render(scene)), instruction, seed=seed)
        assert isinstance(done, Done)
        image = np.asarray(done.trace.turns[-1].image)
        hits = outcome.setdefault(instruction.split()[0], [])
        hits.append(reads_as(image, after, ignore_background=True))
    right = sum(map(sum, outcome.values()))
    kinds = ", ".join(f"{kind} {sum(hits)} of {len(hits)}" for kind, hits in sorted(outcome.items()))
    return f"edits right: {right} of {count} ({kinds})"


if __name__ == "__main__":
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    model = load_pipeline()
    for measure, total in ((round_trips, 2000), (plans, 200), (answers, 300), (edits, 100)):
        print(measure(model, max(int(share * total), 1)), flush=True)
