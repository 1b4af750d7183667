"""Two processes that draw the same pictures together, each beside what it draws alone."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from irg.core import Grid, SpecialTokens
from irg.engine import (
    ALONE,
    Guidance,
    Parallel,
    Renorm,
    Sketch,
    SlotPool,
    Team,
    append,
    denoise,
    new_strands,
    shifted_schedule,
)
from irg.model import UnifiedModel, tiny
from irg.model.attention import Attend
from irg.model.rope import Rope
from tests.samples import READABLE, Sampler

GRIDS = (Grid(2, 3), Grid(3, 3), Grid(3, 2))
"""The latents of the second are no even number."""
GUIDANCES = {
    "none": Guidance(1.0, 1.0),
    "text, at first": Guidance(4.0, 1.0, (0.7, 1.0), Renorm.GLOBAL),
    "both": Guidance(4.0, 2.0, (0.0, 1.0), Renorm.TEXT_CHANNEL),
}


@dataclass
class Found:
    """Of one process, in one way to share out."""

    difference: float
    """The largest of any latent from those drawn alone."""
    alone: int
    """Latents that the model ran, by itself and here."""
    together: int
    refused: str
    """What it was told where the processes came to different things."""


class Counting(UnifiedModel):
    """Counts the latents that it runs."""

    num_latents = 0

    def velocity_of(
        self, streams: tuple[torch.Tensor, torch.Tensor], ropes: tuple[Rope, Rope], attend: Attend
    ) -> torch.Tensor:
        self.num_latents += len(streams[1])
        return super().velocity_of(streams, ropes, attend)


def fresh() -> Counting:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Counting(tiny()).eval().requires_grad_(False)


def drawn(model: Counting, guidance: Guidance, team: Team) -> tuple[torch.Tensor, int]:
    """The latents of all images, and how many were run for them."""
    last = model.config.decoder.vocabulary
    special = SpecialTokens(last - 4, last - 3, last - 2, last - 1)

    def strands(seed: int):  # documents of different lengths
        sampler = Sampler(seed, model.config)
        documents = [tuple(sampler.document(READABLE)) for _ in GRIDS]
        return append(model, new_strands(SlotPool(model), len(GRIDS)), documents, special)

    noise, before = Sampler(7, model.config), model.num_latents
    schedule, branches = shifted_schedule(4, 1.0), zip(strands(1), strands(2), strands(3), GRIDS, strict=True)
    start = [
        Sketch(*row, schedule, guidance, noise.normal(row[3].num_tokens, model.config.latent_values))
        for row in branches
    ]
    *_, end = denoise(model, start, special, team)
    return torch.cat([sketch.latent_NV for sketch in end]), model.num_latents - before


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model, found = fresh(), {}
    for parallel in (Parallel.GUIDANCE, Parallel.SEQUENCE):
        team = Team(parallel, rank, 2)
        team.agree("numbers", 1)
        for name, guidance in GUIDANCES.items():
            alone, num_alone = drawn(model, guidance, ALONE)
            together, num_together = drawn(model, guidance, team)
            try:
                team.agree("ranks", rank)
                refused = ""
            except ValueError as told:
                refused = str(told)
            difference = (alone - together).abs().max().item()
            found[f"{parallel}: {name}"] = asdict(Found(difference, num_alone, num_together, refused))
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def compare(folder: Path) -> list[dict[str, Found]]:
    """What each of the two processes found, by way and guidance."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    multiprocessing.spawn(_process, args=(str(folder),), nprocs=2)  # type: ignore[no-untyped-call]
    written = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return [{name: Found(**one) for name, one in found.items()} for found in written]
