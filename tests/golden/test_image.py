"""Group e: contexts with images, the guided flow, schedules."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch

from irg.core import Grid, Kind, Role, Segment, SpecialTokens
from irg.engine import (
    Guidance,
    Renorm,
    Sketch,
    SlotPool,
    Strand,
    append,
    denoise,
    new_strands,
    shifted_schedule,
)
from irg.model import Autoencoder, UnifiedModel
from irg.model.autoencoder import from_tokens, to_tokens
from irg.prep import Tokenizer, patches
from tests.golden.conftest import Agree
from tests.golden.vectors import IMAGE as GOLDEN

CASES = [name for name, value in GOLDEN.scalars.items() if isinstance(value, dict) and "branches" in value]


@dataclass(frozen=True)
class Case:
    """One recorded guidance case, as the manifest describes it in scalars, in its name and in words."""

    name: str

    @property
    def words(self) -> str:
        """What is said of its velocities; "as iii" refers to another case, whose words come after."""
        words = GOLDEN.entries[f"{self.name}.v_t"]["meaning"]
        match = re.search(r"\bas (\w+)\b", words)
        like = next((other for other in CASES if match and other.startswith(match[1] + "_")), None)
        return words if like is None else f"{words}; {Case(like).words}"

    @property
    def scalars(self) -> dict[str, Any]:
        return GOLDEN.scalars[self.name]

    @property
    def scales(self) -> tuple[float, float]:
        """Text and image scale of the steps where guidance is on."""
        on = [tuple(scales) for scales in self.scalars["effective_scales"] if scales != [1.0, 1.0]]
        return on[0] if on else (1.0, 1.0)

    @property
    def is_ignored(self) -> bool:
        """The reference guides only if the text scale is above 1; ours does as it is told."""
        return self.scales[0] <= 1

    @property
    def starts_on(self) -> bool:
        """Whether both branches were run at the first step."""
        return self.scalars["branches"][0] == 3

    @property
    def contexts(self) -> str:
        return "edit" if "img" in self.name else "t2i"

    @property
    def guidance(self) -> Guidance:
        text, image = (1.0, 1.0) if self.is_ignored else self.scales
        interval = re.search(r"interval \(([\d.]+), ?([\d.]+)\)", self.words)
        renorm = re.search(r"renorm (text_channel|channel|global)", self.words)
        least = re.search(r"cfg_renorm_min ([\d.]+)", self.words)
        return Guidance(
            text_scale=text,
            image_scale=image,
            interval=(float(interval[1]), float(interval[2])) if interval else (0.0, 1.0),
            renorm=Renorm(renorm[1]) if renorm else Renorm.NONE,
            renorm_min=float(least[1]) if least else GOLDEN.scalars["common"]["cfg_renorm_min"],
        )


class Bench:
    """The recorded contexts and runs, each built when first asked for."""

    def __init__(self, model: UnifiedModel, autoencoder: Autoencoder, special: SpecialTokens) -> None:
        self.model, self.autoencoder, self.special = model, autoencoder, special
        self.context = cache(self._context)
        self.run = cache(self._run)

    def read(self, contents: str) -> Strand:
        """The context of a list such as "A VAE(img) ViT(img) C"."""
        strands = new_strands(SlotPool(self.model))
        for item in contents.split():
            strands = append(self.model, strands, [(self._segment(item),)], self.special)
        return strands[0]

    def grid(self, height: int, width: int) -> Grid:
        pixels = self.model.config.pixels_per_latent
        return Grid(height // pixels, width // pixels)

    def _context(self, name: str) -> Strand:
        return self.read(GOLDEN.scalars["context_contents"][name])

    def _segment(self, item: str) -> Segment:
        if item.startswith("VAE"):
            image = GOLDEN["cond_vae_image"]
            latent = self.autoencoder.encode(image[None], GOLDEN["cond_vae_noise"])
            tokens = to_tokens(latent, self.model.config.latent_patch)[0]
            return Segment(Kind.CLEAN, Role.IMAGE, tokens, grid=self.grid(*image.shape[1:]))
        if item.startswith("ViT"):
            image, side = GOLDEN["cond_vit_image"], self.model.config.vision.patch
            grid = Grid(image.shape[1] // side, image.shape[2] // side)
            return Segment(Kind.VIEW, Role.IMAGE, patches(image, side), grid=grid)
        return Segment(Kind.TEXT, Role.PROMPT, tuple(GOLDEN[f"{item}_ids"].tolist()))

    def sketch(self, contexts: str, guidance: Guidance) -> Sketch:
        common = GOLDEN.scalars["common"]
        return Sketch(
            self.context(f"{contexts}_main"),
            self.context(f"{contexts}_cfg_text"),
            self.context("edit_cfg_img") if contexts == "edit" else None,
            self.grid(common["H"], common["W"]),
            shifted_schedule(common["num_timesteps"], common["timestep_shift"]),
            guidance,
            GOLDEN["init_noise"],
        )

    def _run(self, name: str) -> list[Sketch]:
        """As it stands before the first step and after each of them."""
        start = self.sketch(Case(name).contexts, Case(name).guidance)
        return [start, *(sketch for (sketch,) in denoise(self.model, [start], self.special))]


@pytest.fixture(scope="module")
def bench(reference_model: UnifiedModel, reference_autoencoder: Autoencoder, tokenizer: Tokenizer) -> Bench:
    return Bench(reference_model, reference_autoencoder, tokenizer.special)


@pytest.mark.parametrize("name", GOLDEN.scalars.get("context_contents", {}))
def test_context_lengths_and_positions(name: str, bench: Bench) -> None:
    context, expected = bench.context(name), GOLDEN.scalars["contexts"][name]
    assert [context.length] == expected["kv_lens"]
    assert [context.position] == expected["rope"]


@pytest.mark.parametrize("name", GOLDEN.names(r"ctx\.\w+\.[kv]\.\d+"))
def test_cached_keys_and_values(name: str, bench: Bench, agree: Agree) -> None:
    _, context_name, letter, layer = name.split(".")
    context = bench.context(context_name)
    slot = context.slot
    agree(GOLDEN, name, slot.slab.pairs[int(layer), int(letter == "v"), slot.row, : context.length])


@pytest.mark.parametrize("name", [name for name in CASES if not Case(name).is_ignored])
def test_guidance_is_on_when_the_reference_has_it_on(name: str, bench: Bench) -> None:
    guidance, effective = Case(name).guidance, Case(name).scalars["effective_scales"]
    assert [guidance.is_on(sketch.times[0]) for sketch in bench.run(name)[:-1]] == [
        scales != [1.0, 1.0] for scales in effective
    ]


OUTPUTS = GOLDEN.claim(*(rf"{re.escape(name)}\.(x_t|v_t|final|timesteps)" for name in CASES))


@pytest.mark.parametrize("name", OUTPUTS)
def test_guided_flow(name: str, bench: Bench, agree: Agree) -> None:
    case, _, what = name.rpartition(".")
    *before, last = bench.run(case)
    velocities = [sketch.velocity_NV for sketch in (*before, last) if sketch.velocity_NV is not None]
    values = {
        "x_t": torch.stack([sketch.latent_NV for sketch in before]),
        "v_t": torch.stack(velocities),
        "final": last.latent_NV,
        "timesteps": torch.tensor([sketch.times[0] for sketch in before]),
    }
    agree(GOLDEN, name, values[what])


@pytest.mark.parametrize(
    "name", [name for name in CASES if Case(name).is_ignored and Case(name).scales[1] != 1]
)
def test_an_image_scale_alone_is_honoured(name: str, bench: Bench) -> None:
    """Ours differs from the reference on purpose: here are its raw velocities, guided as asked."""
    scale = Case(name).scales[1]
    whole = next(
        (other for other in CASES if f"{other}.v_img" in GOLDEN.entries and Case(other).starts_on), None
    )
    if whole is None:
        pytest.skip("no case recorded the image branch's first velocity")
    start = bench.sketch("edit", Guidance(1.0, scale, (0.0, 1.0), Renorm.NONE))
    (sketch,) = next(denoise(bench.model, [start], bench.special))
    raw, image = (GOLDEN[f"{whole}.{branch}"][0] for branch in ("v_cond", "v_img"))
    assert sketch.velocity_NV is not None
    assert torch.allclose(sketch.velocity_NV, image + scale * (raw - image), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", GOLDEN.claim(r".+\.latent_grid", r".+\.decoded"))
def test_the_finished_image(name: str, bench: Bench, agree: Agree) -> None:
    case, _, what = name.rpartition(".")
    config = bench.model.config
    rows = GOLDEN.scalars["common"]["H"] // config.pixels_per_latent
    latent = from_tokens(bench.run(case)[-1].latent_NV[None], config.latent_patch, rows)
    agree(GOLDEN, name, latent if what == "latent_grid" else bench.autoencoder.decode(latent))


@pytest.mark.parametrize("name", GOLDEN.claim(r"batch\.final\d+"))
def test_a_batch_of_sizes(name: str, bench: Bench, agree: Agree) -> None:
    noises = sorted(GOLDEN.names(r"batch\.noise\d+"))
    described = [GOLDEN.says(noise, r"context (\w+), (\d+)x(\d+)") for noise in noises]
    strands = new_strands(SlotPool(bench.model), len(noises))
    texts = [(bench._segment(match[1]),) for match in described]
    strands = append(bench.model, strands, texts, bench.special)
    how = GOLDEN.says(GOLDEN.names(r"batch\.final\d+")[0], r"num_timesteps=(\d+).*shift ([\d.]+)")
    schedule = shifted_schedule(int(how[1]), float(how[2]))
    grids = [bench.grid(int(match[2]), int(match[3])) for match in described]
    start = [
        Sketch(strand, None, None, grid, schedule, Guidance(), GOLDEN[noise])
        for strand, grid, noise in zip(strands, grids, noises, strict=True)
    ]
    *_, last = denoise(bench.model, start, bench.special)
    agree(GOLDEN, name, last[int(name.removeprefix("batch.final"))].latent_NV)


@pytest.mark.parametrize("name", GOLDEN.claim(r"sched\.\d+_[\d.]+\.(t|dt)"))
def test_schedules(name: str, agree: Agree) -> None:
    num, shift, what = re.fullmatch(r"sched\.(\d+)_([\d.]+)\.(t|dt)", name).groups()  # type: ignore[union-attr]
    points = torch.tensor(shifted_schedule(int(num), float(shift)))
    agree(GOLDEN, name, points[:-1] if what == "t" else points[:-1] - points[1:])


@pytest.mark.parametrize("name", GOLDEN.claim(r"temb\.out"))
def test_timestep_embedding(name: str, bench: Bench, agree: Agree) -> None:
    agree(GOLDEN, name, bench.model.timestep(GOLDEN["temb.t"]))
