"""Measures what `irg bench scene` does not: the oracle, the autoencoder, plans, doubts, answers, edits.

    .venv/bin/python docs/measure_embedded.py [SHARE]

SHARE in (0, 1] takes that part of the counts, for a quick look; all of it takes five minutes on two cores.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from irg.core.events import Done, ThoughtDone
from irg.engine import SeededDraws
from irg.pipeline import Pipeline, load_pipeline
from irg.prep import to_pixels, to_uint8
from irg.world import (
    Family,
    FlawKind,
    Scene,
    Split,
    Zone,
    fulfils,
    parse,
    parse_reflection,
    parse_thought,
    questions,
    random_scene,
    read,
    render,
    sample_edit,
    sample_prompt,
)
from irg.world.scene import COLOURS, SHAPES

BATCH = 50
OVERLAPS = (0.0, 0.85, 0.9, 0.92, 0.94, 0.96)


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
            colours, shapes = two_of(COLOURS, rng), two_of(SHAPES, rng)
            one, other = (f"a {colour} {shape}" for colour, shape in zip(colours, shapes, strict=True))
            prompts.append(f"{one} {direction} {other}")
        rollout = pipeline.rollout(prompts, plan, [SeededDraws(seed) for seed in range(len(prompts))])
        rollout.look(plan.turns[0])
        for _ in rollout.think():
            pass
        thoughts = [drawn.thought or "" for drawn in rollout.drawn]
        right = sum(map(is_plan_for, thoughts, prompts))
        outcome.append(f"{direction} {right} of {len(prompts)}")
    return f"plans right: {', '.join(outcome)}"


def two_of(options: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    return [options[n] for n in rng.permutation(len(options))[:2]]


def is_plan_for(thought: str, prompt: str) -> bool:
    try:
        return fulfils(parse_thought(thought), parse(prompt))
    except ValueError:  # not in the form of a thought
        return False


def doubts(pipeline: Pipeline, count: int) -> str:
    """Of objects in first pictures that fit their shape so well, how many second turns call unclear.

    The oracle's own line runs near an overlap of 0.9; where exactly, depends on the runner-up too.
    """
    rng, families = np.random.default_rng(80), [family for family in Family if family != Family.COMPOUND]
    prompts = [sample_prompt(rng, families[n % len(families)], Split.HELD_OUT)[1] for n in range(count)]
    named: dict[float, list[bool]] = {edge: [] for edge in OVERLAPS}
    unclear: dict[float, int] = Counter()
    for start in range(0, count, BATCH):
        batch = prompts[start : start + BATCH]
        seeds = list(range(start, start + len(batch)))
        for _, event in pipeline.generate_batch(batch, pipeline.settings.plan(turns=2), seeds):
            if isinstance(event, Done):
                first, second = event.trace.turns
                zones = zones_called_unclear(second.thought or "")
                for seen in read(np.asarray(first.image)).objects:
                    edge = max(edge for edge in OVERLAPS if seen.score >= edge)
                    named[edge].append(seen.thing.zone in zones)
                    unclear[edge] += not seen.clear
    ends = [*(f"{edge:.2f}" for edge in OVERLAPS[1:]), "1"]
    bins = ", ".join(
        f"{edge:.2f} to {end} {sum(hits)} of {len(hits)}, {unclear[edge]} are"
        for (edge, hits), end in zip(named.items(), ends, strict=True)
        if hits
    )
    return f"called unclear, by overlap with the best shape: {bins}"


def zones_called_unclear(text: str) -> set[Zone | None]:
    try:
        flaws, _ = parse_reflection(text)
    except ValueError:
        return set()
    return {flaw.zone for flaw in flaws if flaw.kind is FlawKind.UNCLEAR}


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
    for measure, total in ((round_trips, 2000), (plans, 200), (doubts, 600), (answers, 300), (edits, 100)):
        print(measure(model, max(int(share * total), 1)), flush=True)
