"""`irg ask`: a question about a picture, about several, or about none."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from irg.cli.by_plan import PlanChoice
from irg.cli.options import AsJson, ModelChoice, Out, Seed, check_text, default_folder, option
from irg.cli.order import tell_duration
from irg.cli.output import EpisodeFolder, print_places, summary
from irg.terminal import err, print_json
from irg.terminal import out as stdout

if TYPE_CHECKING:
    from PIL.Image import Image

    from irg.pipeline.plans import StepPlan

EXAMPLES = """[bold]Examples[/bold]
  irg ask runs/x/turn2.png "How many circles are there?"
  irg ask runs/x/turn2.png "What is in the picture?" --json
  irg ask runs/x/turn1.png runs/x/turn2.png "What differs?"
  irg ask photo.jpg "What is unusual here?" --think --model path/to/checkpoint
  irg ask "Why is the sky blue?" --temperature 0.7 --model path/to/checkpoint
  [dim]# by a plan of steps; one that draws on the way keeps its episode in a folder[/dim]
  irg ask chart.png "Which bar is highest?" --plan thinkmorph --model ThinkMorph/ThinkMorph-7B"""


def ask(
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="[PICTURE]... QUESTION",
            help="Pictures (PNG, JPEG, WebP, ...), as many as you like or none, and then the question.",
        ),
    ],
    choice: ModelChoice,
    by_plan: PlanChoice,
    think: Annotated[
        bool, option("Write a thought before the answer. Default: answer at once.", "--think")
    ] = False,
    temperature: Annotated[
        float | None,
        option("Of the answer's words. Default: 0, which always takes the likeliest.", metavar="T", least=0),
    ] = None,
    top_p: Annotated[
        float | None,
        option("Words of the likeliest that have this share together. Default: 1.", metavar="P", most=1),
    ] = None,
    max_tokens: Annotated[
        int | None,
        option(
            "Longest answer, in tokens, its thought included. Default: as a thought.", metavar="N", least=1
        ),
    ] = None,
    seed: Seed = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Look at pictures and answer a question about them, or answer one without pictures.

    Pictures are resized to what the model reads. The answer is the likeliest, unless a temperature is given.
    """
    *names, question = asked
    check_text(question, "question")
    if not names and os.path.isfile(question):
        raise ValueError(f"{question} is a file: expected a question after it")
    from irg.core.reading import read_image

    pictures = [read_image(name) for name in names]
    given = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
    told = {"images": names, "question": question, "seed": seed}
    if by_plan.plan_name is None:
        if out is not None or by_plan.stop_when_right is not None:
            name = "--stop-when-right" if out is None else "--out"
            raise ValueError(f"{name} without --plan: it is for episodes, and this is an answer alone")
        _answer(choice, pictures, think, given, told, as_json)
        return
    if think:
        raise ValueError("--think beside a plan of steps, which says what is written")
    plan = by_plan.steps(choice.checkpoint.settings)
    assert plan is not None
    _by_plan(choice, plan.with_text(**given), pictures, out, told, as_json)


def _answer(
    choice: ModelChoice,
    pictures: Sequence["Image"],
    think: bool,
    given: dict[str, Any],
    told: dict[str, Any],
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from irg.cli.duration import told_of_answer
    from irg.cli.view import Paragraph
    from irg.core.events import ThoughtDone
    from irg.pipeline.answer import Answered

    wanted = {name: value for name, value in given.items() if value is not None}
    sampling = replace(choice.checkpoint.settings.answer_sampling(), **wanted)
    choice.check_device()
    checkpoint = choice.checkpoint
    if checkpoint.torch_device.type == "cpu":
        line = told_of_answer(sampling.max_tokens, checkpoint.folder.config, checkpoint.torch_dtype)
        if line is not None:
            err.print(line, style="yellow", markup=False, soft_wrap=True)
    pipeline = choice.load(err)
    paragraph = Paragraph(stdout, indent=0)
    done = None
    for event in pipeline.ask(list(pictures), told["question"], told["seed"], think, sampling):
        if isinstance(event, ThoughtDone):
            done = event
        elif not as_json:
            paragraph.write(event.text)
    assert done is not None
    if as_json:
        answered = Answered.of(done)
        said = {"answer": answered.text, "thought": answered.thought, "sampling": asdict(sampling)}
        told |= {"model": pipeline.identity}
        print_json({**told, **said, "num_tokens": done.num_tokens, "capped": done.capped})
        return
    paragraph.close()
    if done.capped:
        err.print(f"(stopped by its cap of {done.num_tokens} tokens)", style="dim")


def _by_plan(
    choice: ModelChoice,
    plan: "StepPlan",
    pictures: Sequence["Image"],
    folder: Path | None,
    told: dict[str, Any],
    as_json: bool,
) -> None:
    """Answer by a plan of steps. The episode of one that draws is kept."""
    from irg.cli.episode import record
    from irg.core.events import trace_of

    plan.check_inputs(len(pictures))
    choice.check(plan)
    question, seed = told["question"], told["seed"]
    if plan.num_images:
        sources = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures]
        folder = folder or default_folder(question, seed, sources, choice.deciding(plan))
    elif folder is not None:
        raise ValueError("--out beside a plan that draws nothing: there is no episode to keep")
    tell_duration(choice, plan, err)

    def events() -> Any:
        run = choice.load(err).planned(plan, [question], [list(pictures)], [seed])
        return (event for _, event in run.follow())

    if folder is None:
        trace = trace_of(events())
    else:
        with EpisodeFolder(folder) as episode_folder:
            trace = record(events(), episode_folder, lambda image: None, err)
    answer = trace.answer or (trace.turns[-1].thought if trace.turns else None) or ""
    if as_json:
        kept = {} if folder is None else summary(folder, trace)
        print_json({**told, "model": trace.model, **kept, "answer": answer})
        return
    stdout.print(answer, markup=False, highlight=False, soft_wrap=True)
    if folder is not None:
        print_places(folder, trace, err)
