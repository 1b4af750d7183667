"""Group f: a whole episode of two turns, through the pipeline."""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core import Grid, Role, SpecialTokens
from irg.core.events import ImageDone, ThoughtDone
from irg.engine import Guidance, Line, Renorm, Sketch, Team, TextSampling, Writing, denoise, write
from irg.model import Autoencoder, UnifiedModel
from irg.model.autoencoder import from_tokens
from irg.pipeline import Pipeline, Plan, Settings, TurnPlan
from irg.pipeline import episode as episode_module
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.convert import steps_of
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.steps import DrawStep, Step
from irg.prep import Resize, Tokenizer
from tests.golden.conftest import Agree
from tests.golden.vectors import EPISODE as GOLDEN
from tests.golden.vectors import EPISODE_TOLERANCE

DRAWN = [call for call in GOLDEN.scalars.get("trace", []) if call["call"] == "generate_image"]


class RecordedDraws:
    """Gives out the recorded noises in their order."""

    def __init__(self) -> None:
        self.left = [GOLDEN[name] for name in ("noise1", "encode_noise", "noise2")]

    def normal(self, *shape: int) -> torch.Tensor:
        return self.left.pop(0).view(shape)

    def uniform(self) -> float:
        raise AssertionError("greedy text draws nothing")

    def fork(self) -> Self:
        return copy.copy(self)


@dataclass
class Episode:
    """What the pipeline did, turn by turn."""

    writings: list[list[Writing]] = field(default_factory=list)
    """As many steps as the reference ran: one more than a capped thought has tokens."""
    sketches: list[list[Sketch]] = field(default_factory=list)
    """As they stand before the first step and after each of them."""
    thoughts: list[ThoughtDone] = field(default_factory=list)
    images: list[ImageDone] = field(default_factory=list)
    draws: RecordedDraws = field(default_factory=RecordedDraws)

    def write(self, model: UnifiedModel, lines: Sequence[Line], special: SpecialTokens) -> Iterator[Writing]:
        (line,) = lines
        longer = replace(line.sampling, max_tokens=line.sampling.max_tokens + 1)
        self.writings.append(list(write(model, [replace(line, sampling=longer)], special))[:-1])
        yield from write(model, lines, special)

    def denoise(
        self, model: UnifiedModel, sketches: Sequence[Sketch], special: SpecialTokens, team: Team
    ) -> Iterator[tuple[Sketch, ...]]:
        self.sketches.append(list(sketches))
        for after in denoise(model, sketches, special, team):
            self.sketches[-1] += after
            yield after


def resize_of(name: str) -> Resize:
    sizes = GOLDEN.says(name, r"ImageTransform\((\d+), ?(\d+), ?(\d+)\)").groups()
    return Resize(max_side=int(sizes[0]), min_side=int(sizes[1]), stride=int(sizes[2]))


def turn_plan(settings: dict[str, Any]) -> TurnPlan:
    guidance = Guidance(
        settings["cfg_text_scale"],
        settings["cfg_img_scale"] or 1.0,
        tuple(settings["cfg_interval"]),
        Renorm(settings["cfg_renorm_type"]),
        settings["cfg_renorm_min"],
    )
    return TurnPlan(True, guidance, settings["num_timesteps"], settings["timestep_shift"])


def steps_of_the_method(plan: Plan) -> StepPlan:
    """The plan of steps that comes with irg, with the numbers of the recorded run."""
    method = read_plan("irg").with_numbers({}, asdict(plan.text))
    numbers = iter(plan.turns)

    def drawn(step: Step) -> Step:
        if not isinstance(step, DrawStep):
            return step
        turn = next(numbers)
        return step.changed_by({"points": turn.num_points, "shift": turn.shift, **asdict(turn.guidance)})

    first, repeat = tuple(map(drawn, method.first)), tuple(map(drawn, method.repeat))
    return method.changed(first=first, repeat=repeat, size=(plan.width, plan.height))


@pytest.fixture(scope="module", params=["turns", "steps", "method"])
def episode(
    request: pytest.FixtureRequest,
    reference_model: UnifiedModel,
    reference_autoencoder: Autoencoder,
    tokenizer: Tokenizer,
) -> Episode:
    """By a plan of turns, by the steps that it stands for, and by those written out as the method."""
    scalars, result = GOLDEN.scalars, Episode()
    settings = Settings(
        system_prompt=scalars["system_prompt"],
        clean=resize_of("image1_for_vae_uint8"),
        view=resize_of("image1_for_vit_uint8"),
    )
    side = scalars["resolution"]
    text = TextSampling(temperature=0, max_tokens=scalars["max_length"] - 1)
    plan = Plan(tuple(turn_plan(call["settings"]) for call in DRAWN), side, side, text)
    pipeline = Pipeline(reference_model, reference_autoencoder, tokenizer, settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(episode_module, "write", result.write)
        patch.setattr(episode_module, "denoise", result.denoise)
        ways = {"turns": plan, "steps": steps_of(plan, settings), "method": steps_of_the_method(plan)}
        way = ways[request.param]
        for _, event in pipeline.generate_batch([scalars["prompt"]], way, draws=[result.draws]):
            if isinstance(event, ThoughtDone):
                result.thoughts.append(event)
            elif isinstance(event, ImageDone):
                result.images.append(event)
    return result


def test_prompts_are_tokenized_as_recorded(tokenizer: Tokenizer) -> None:
    assert list(tokenizer.encode(GOLDEN.scalars["prompt"])) == GOLDEN["prompt_ids"].tolist()
    assert list(tokenizer.encode(GOLDEN.scalars["system_prompt"])) == GOLDEN["system_prompt_ids"].tolist()


def test_every_draw_is_used(episode: Episode) -> None:
    assert episode.draws.left == []


@pytest.mark.parametrize("turn", range(len(DRAWN)))
def test_contexts_of_a_turn(turn: int, episode: Episode) -> None:
    sketch, call = episode.sketches[turn][0], DRAWN[turn]
    for strand, name in ((sketch.main, "main"), (sketch.text, "cfg_text"), (sketch.image, "cfg_img")):
        if call[name] is None:
            assert strand is None
        else:
            assert strand is not None
            assert [strand.length] == call[name]["key_values_lens"]
            assert [strand.position] == call[name]["image_rope"]


@pytest.mark.parametrize("name", GOLDEN.claim(r"think\d+_generated_ids"))
def test_thoughts(name: str, episode: Episode, tokenizer: Tokenizer, agree: Agree) -> None:
    index = number(name) - 1
    expected, done = GOLDEN.scalars[name.partition("_")[0]], episode.thoughts[index]
    assert done.text == expected["text"]
    assert done.reencoded == expected["reencoding_differs"]
    num_tokens = GOLDEN.scalars["max_length"] - 1
    ids = episode.writings[index][-1].lines[0].ids[:num_tokens]
    assert done.num_tokens == len(ids)
    agree(GOLDEN, name, torch.tensor([tokenizer.special.text_start, *ids]))


@pytest.mark.parametrize("name", GOLDEN.claim(r"think\d+_reencoded_ids"))
def test_thoughts_in_the_context(name: str, episode: Episode, agree: Agree) -> None:
    history = episode.sketches[number(name) - 1][0].main.history
    thoughts = [segment.data for segment in history if segment.role is Role.THOUGHT]
    agree(GOLDEN, name, torch.as_tensor(thoughts[-1]))


@pytest.mark.parametrize("name", GOLDEN.claim(r"think\d+_logits"))
def test_logits(name: str, episode: Episode, agree: Agree) -> None:
    logits = torch.cat([step.logits_RV for step in episode.writings[number(name) - 1]])
    agree(GOLDEN, name, logits, EPISODE_TOLERANCE)


@pytest.mark.parametrize("name", GOLDEN.claim(r"image\d+\.(x_t|v_t|latent_packed)"))
def test_flow(name: str, episode: Episode, agree: Agree) -> None:
    *before, last = episode.sketches[number(name) - 1]
    velocities = [sketch.velocity_NV for sketch in (*before, last) if sketch.velocity_NV is not None]
    assert torch.equal(before[0].latent_NV, GOLDEN[f"noise{number(name)}"])
    values = {
        "x_t": torch.stack([sketch.latent_NV for sketch in before]),
        "v_t": torch.stack(velocities),
        "latent_packed": last.latent_NV,
    }
    agree(GOLDEN, name, values[name.partition(".")[2]], EPISODE_TOLERANCE)


@pytest.mark.parametrize("name", GOLDEN.claim(r"image\d+\.(latent_grid|decoded|uint8)"))
def test_images(
    name: str,
    episode: Episode,
    reference_model: UnifiedModel,
    reference_autoencoder: Autoencoder,
    agree: Agree,
) -> None:
    done = episode.images[number(name) - 1]
    config = reference_model.config
    rows = GOLDEN.scalars["resolution"] // config.pixels_per_latent
    latent = from_tokens(done.latents[None], config.latent_patch, rows)
    with torch.inference_mode():
        values = {
            "latent_grid": latent,
            "decoded": reference_autoencoder.decode(latent),
            "uint8": torch.from_numpy(np.array(done.image)),
        }
    agree(GOLDEN, name, values[name.partition(".")[2]], EPISODE_TOLERANCE)


@pytest.mark.parametrize("name", GOLDEN.names(r"image1_for_\w+_uint8"))
def test_the_image_is_resized_as_recorded(name: str, agree: Agree) -> None:
    resized = resize_of(name)(Image.fromarray(GOLDEN["image1.uint8"].numpy()))
    agree(GOLDEN, name, torch.from_numpy(np.array(resized)).permute(2, 0, 1))


@pytest.mark.parametrize("name", GOLDEN.names(r"image1_for_vae_uint8"))
def test_the_grid_of_the_image_read_back(name: str, episode: Episode, reference_model: UnifiedModel) -> None:
    side = reference_model.config.pixels_per_latent
    height, width = GOLDEN[name].shape[1:]
    history = episode.sketches[-1][0].main.history
    grids = [segment.grid for segment in history if segment.grid is not None]
    assert grids[0] == Grid(height // side, width // side)
    assert GOLDEN.scalars["vae_context_shape"] == [list(grids[0])]
    assert grids[1].num_tokens == GOLDEN.scalars["vit_context_tokens"]


def number(name: str) -> int:
    """The turn that a name such as `image2.x_t` speaks of."""
    match = re.match(r"[a-z]+(\d+)", name)
    assert match
    return int(match[1])
