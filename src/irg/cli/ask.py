"""`irg ask`: a question about a picture, about several, or about none."""

import os
from typing import Annotated

import typer

from irg.cli.options import AsJson, ModelChoice, Seed, check_text, option
from irg.terminal import err, out, print_json

EXAMPLES = """[bold]Examples[/bold]
  irg ask runs/x/turn2.png "How many circles are there?"
  irg ask runs/x/turn2.png "What is in the picture?" --json
  irg ask runs/x/turn1.png runs/x/turn2.png "What differs?"
  irg ask photo.jpg "What is unusual here?" --think --model path/to/checkpoint
  irg ask "Why is the sky blue?" --temperature 0.7 --model path/to/checkpoint"""


def ask(
    asked: Annotated[
        list[str],
        typer.Argument(
            metavar="[PICTURE]... QUESTION",
            help="Pictures (PNG, JPEG, WebP, ...), as many as you like or none, and then the question.",
        ),
    ],
    choice: ModelChoice,
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
    as_json: AsJson = False,
) -> None:
    """Look at pictures and answer a question about them, or answer one without pictures.

    Pictures are resized to what the model reads. The answer is the likeliest, unless a temperature is given.
    """
    *names, question = asked
    check_text(question, "question")
    if not names and os.path.isfile(question):
        raise ValueError(f"{question} is a file: expected a question after it")
    from dataclasses import asdict, replace

    from irg.cli.duration import told_of_answer
    from irg.cli.view import Paragraph
    from irg.core.events import ThoughtDone
    from irg.core.reading import read_image
    from irg.pipeline.answer import Answered

    pictures = [read_image(name) for name in names]
    given = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
    wanted = {name: value for name, value in given.items() if value is not None}
    sampling = replace(choice.checkpoint.settings.answer_sampling(), **wanted)
    choice.check_device()
    checkpoint = choice.checkpoint
    if checkpoint.torch_device.type == "cpu":
        line = told_of_answer(sampling.max_tokens, checkpoint.folder.config, checkpoint.torch_dtype)
        if line is not None:
            err.print(line, style="yellow", markup=False, soft_wrap=True)
    pipeline = choice.load(err)
    paragraph = Paragraph(out, indent=0)
    done = None
    for event in pipeline.ask(pictures, question, seed, think, sampling):
        if isinstance(event, ThoughtDone):
            done = event
        elif not as_json:
            paragraph.write(event.text)
    assert done is not None
    if as_json:
        told = {"images": names, "question": question, "seed": seed, "model": pipeline.identity}
        answered = Answered.of(done)
        said = {"answer": answered.text, "thought": answered.thought, "sampling": asdict(sampling)}
        print_json({**told, **said, "num_tokens": done.num_tokens, "capped": done.capped})
        return
    paragraph.close()
    if done.capped:
        err.print(f"(stopped by its cap of {done.num_tokens} tokens)", style="dim")
