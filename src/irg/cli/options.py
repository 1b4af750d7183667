"""Options that several commands share, and what they amount to.

A command's options that go together are a frozen dataclass, whose fields are options (`with_groups`).
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer
from rich.console import Console

from irg.cli.guiding import Guiding
from irg.terminal import err, out

if TYPE_CHECKING:
    from irg.engine import Team
    from irg.pipeline import Pipeline, Plan
    from irg.pipeline.load import NamedCheckpoint
    from irg.pipeline.plans import StepPlan


def option(
    said: str,
    *names: str,
    metavar: str | None = None,
    panel: str | None = None,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """An option of a command, to annotate its type with. `names` are for those that are not called as the
    parameter is."""
    return typer.Option(*names, help=said, metavar=metavar, rich_help_panel=panel, min=least, max=most)


model_option, drawing_option, thought_option, output_option = (
    partial(option, panel=panel) for panel in ("Model", "Drawing", "Thoughts", "Output")
)


def with_groups(body: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every field of the dataclasses among its parameters."""

    @wraps(body)
    def command(**given: Any) -> None:
        _call(body, given)

    options = list(_options(body))
    vars(command)["__signature__"] = inspect.Signature(options)
    command.__annotations__ = {one.name: one.annotation for one in options}
    return command


def _options(owner: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(owner, include_extras=True)
    for name, parameter in inspect.signature(owner).parameters.items():
        if is_dataclass(hints[name]):
            yield from _options(hints[name])
        else:
            yield parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)


def _call(owner: Callable[..., Any], given: dict[str, Any]) -> Any:
    hints = get_type_hints(owner)
    names = inspect.signature(owner).parameters
    return owner(
        **{name: _call(hints[name], given) if is_dataclass(hints[name]) else given[name] for name in names}
    )


ModelName = Annotated[
    str | None,
    model_option(
        "A checkpoint folder, one of its files of weights, or a hub id (ByteDance-Seed/BAGEL-7B-MoT), with "
        "@REVISION if need be. Default: the embedded model.",
        "--model",
        metavar="FOLDER|HUB_ID",
    ),
]
Device = Annotated[str | None, model_option("cpu, cuda, cuda:1, mps, ... Default: a GPU if there is one.")]
_DTYPE = model_option("Arithmetic. Default: bfloat16 on a GPU, float32 on a CPU.")
TrainingDtype = Annotated[Literal["float32", "bfloat16"] | None, _DTYPE]
Dtype = Annotated[Literal["float32", "bfloat16", "float16"] | None, _DTYPE]
_SEED = drawing_option(
    "The same seed draws the same pictures, in float32 on one machine. Default: 0.",
    metavar="N",
    least=0,
    most=2**32 - 1,
)
Seed = Annotated[int, _SEED]
GivenSeed = Annotated[int | None, _SEED]
Out = Annotated[
    Path | None,
    output_option("Folder to write to. Default: runs/<prompt>-<seed>. An episode that is there is replaced."),
]
AsJson = Annotated[bool, output_option("Print the result as JSON; progress goes to stderr.", "--json")]


@dataclass(frozen=True)
class Telling:
    """What is said, and where."""

    quiet: Annotated[
        bool, output_option("No progress: say the result only, or where it is.", "--quiet", "-q")
    ] = False
    as_json: AsJson = False

    @cached_property
    def console(self) -> Console:
        """For progress: nowhere if quiet, stderr where stdout is for JSON."""
        if self.quiet:
            return Console(quiet=True)
        return err if self.as_json else out


@dataclass(frozen=True)
class ModelChoice:
    """Which model to run, where, and in which precision."""

    model: ModelName = None
    device: Device = None
    dtype: Dtype = None
    weights: Annotated[
        Literal["int8", "fp8", "fp8_matmul", "nf4"] | None,
        model_option(
            "Hold the experts' projections, which are most of a model, in 8 or 4 bits; fp8_matmul also "
            "multiplies so, on newer GPUs. Default: in the type of the arithmetic."
        ),
    ] = None

    offload: Annotated[
        Literal["parts", "experts"] | None,
        model_option(
            "What waits in the machine's memory while a GPU does not need it: autoencoder and vision tower, "
            "or the experts of all layers too. What is drawn stays the same."
        ),
    ] = None
    compiled: Annotated[
        bool,
        model_option(
            "Compile steps when their shape is met first, for many episodes: slower to begin with, then "
            "faster. What was compiled is kept on disk."
        ),
    ] = False

    @cached_property
    def checkpoint(self) -> "NamedCheckpoint":
        from irg.model.low_bit import Quantize
        from irg.model.offload import Offload
        from irg.pipeline.load import NamedCheckpoint, dtype_of

        return NamedCheckpoint(
            self.model,
            self.device,
            dtype_of(self.dtype),
            Quantize(self.weights or Quantize.NONE),
            Offload(self.offload or Offload.NONE),
            self.compiled,
        )

    def as_made(self, identity: Mapping[str, Any]) -> "ModelChoice":
        """The model of this identity, held as it was, in all that was not chosen otherwise."""
        kept = {name: identity.get(name) for name in ("dtype", "weights")}
        kept["model"] = identity.get("name")
        chosen = {
            name: value
            for name, value in kept.items()
            if isinstance(value, str) and getattr(self, name) is None
        }
        return replace(self, **chosen)

    def check(self, plan: "Plan | StepPlan") -> None:
        """Raise ValueError for a device or a picture size that loading the weights would only delay."""
        plan.grid(self.checkpoint.folder.config)
        self.check_device()

    def deciding(self, plan: "Plan | StepPlan") -> list[Any]:
        """What decides, beside words, pictures and seed, on what is drawn."""
        self.check_device()
        identity = self.checkpoint.identity
        quantized = [identity["weights"]] if "weights" in identity else []
        return [plan.as_json(), identity["fingerprint"], identity["dtype"], *quantized]

    def load(self, console: Console, team: "Team | None" = None) -> "Pipeline":
        """`team` are the processes that draw together, where there are several."""
        from irg.engine import ALONE

        self.check_device()
        with console.status(f"loading {self.model or 'the embedded model'} ..."):
            return self.checkpoint.load(team or ALONE)

    def check_device(self) -> None:
        """Raise ValueError for a device that is not here."""
        from irg.model.device import usable_device

        if self.device is not None:
            usable_device(self.device)


@dataclass(frozen=True)
class Overrides:
    """What is changed of a checkpoint's usual plan; None leaves it."""

    points: Annotated[
        int | None,
        drawing_option(
            "Time points of drawing; N points are N - 1 steps. Default: the checkpoint's.",
            metavar="N",
            least=2,
            most=1000,
        ),
    ] = None
    steps: Annotated[
        int | None,
        drawing_option(
            "Steps of drawing, as diffusers has them: N steps are N + 1 points. Default: the checkpoint's.",
            metavar="N",
            least=1,
            most=999,
        ),
    ] = None
    shift: Annotated[
        float | None,
        drawing_option(
            "How far the time points lie towards the noise, above 0; 1 is evenly. Default: the checkpoint's.",
            metavar="SHIFT",
        ),
    ] = None
    every: Annotated[
        int | None,
        drawing_option(
            "Run the model at every Nth step only, and carry the velocity on in between. Default: 1.",
            metavar="N",
            least=1,
            most=16,
        ),
    ] = None
    reuse: Annotated[
        float | None,
        drawing_option(
            "Run the model again only when its input has changed by so much since it ran (0.1: by a tenth), "
            "and use its velocity meanwhile. Not with --every.",
            metavar="X",
            least=0.0,
        ),
    ] = None
    solver: Annotated[
        Literal["euler", "adams"] | None,
        drawing_option(
            "How steps go on: straight, as the reference does, or by the last two velocities. Default: euler."
        ),
    ] = None
    temperature: Annotated[
        float | None,
        thought_option(
            "Of the thoughts' words; 0 always takes the likeliest. Default: the checkpoint's.",
            metavar="T",
            least=0.0,
        ),
    ] = None
    top_p: Annotated[
        float | None,
        thought_option(
            "Thoughts of the likeliest words with this share together, above 0. Default: the checkpoint's.",
            metavar="P",
            most=1.0,
        ),
    ] = None
    max_thought_tokens: Annotated[
        int | None,
        thought_option("Longest thought, in tokens. Default: the checkpoint's.", metavar="N", least=1),
    ] = None
    system_prompt: Annotated[
        str | None,
        thought_option(
            "What is read before the prompt. Default: the checkpoint's, if there are thoughts.",
            metavar="TEXT",
        ),
    ] = None
    guiding: Guiding = field(default_factory=Guiding)
    lookup: Annotated[
        int,
        thought_option(
            "Guess up to N tokens of a thought at once, by what was written before. The texts stay the same.",
            metavar="N",
            least=0,
            most=64,
        ),
    ] = 0
    preview_every: Annotated[
        int,
        output_option(
            "Write a preview into OUT/previews every K steps while an image is drawn (0: none).",
            metavar="K",
            least=0,
        ),
    ] = 0

    def apply(self, plan: "Plan | StepPlan") -> "Plan | StepPlan":
        from irg.engine import Saving, Solver

        saving = None
        if any(one is not None for one in (self.every, self.solver, self.reuse)):
            saving = Saving(self.every or 1, Solver(self.solver or Solver.EULER), self.reuse or 0.0)
        plan = self.guiding.apply(plan).with_drawing(self.points, self.shift, self.steps, saving)
        plan = plan.with_text(self.temperature, self.top_p, self.max_thought_tokens, self.lookup or None)
        if self.system_prompt is not None:
            plan = plan.with_system_prompt(self.system_prompt)
        return plan.with_previews(self.preview_every)


def default_folder(text: str, seed: int, *others: object) -> Path:
    """runs/two-red-circles-0-1f3a90c2: another for each text, seed, and `others` (JSON) that decide on it."""
    from irg.core.output import distinct

    slug = re.sub(r"[^\w]+", "-", text.lower()).strip("-_")[:48].rstrip("-_")
    return Path("runs") / distinct(f"{slug or 'episode'}-{seed}", text, seed, *others)


def check_text(text: str, name: str) -> str:
    """The text if it says something. Raises ValueError naming what is empty or no text."""
    if not text.strip():
        raise ValueError(f"the {name} is empty")
    try:
        text.encode()
    except UnicodeEncodeError as broken:
        raise ValueError(f"the {name} is not valid UTF-8 text") from broken
    return text
