"""`irg ask`: a question about a picture."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.options import AsJson, ModelChoice, Seed, check_text
from irg.terminal import err, out, print_json

EXAMPLES = """[bold]Examples[/bold]
  irg ask runs/x/turn2.png "How many circles are there?"
  irg ask runs/x/turn2.png "What is in the picture?" --json
  irg ask photo.jpg "What is unusual here?" --model path/to/checkpoint"""


def ask(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP, ...")],
    question: Annotated[str, typer.Argument(help="What to ask about it.")],
    choice: ModelChoice,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Look at a picture and answer a question about it.

    The picture is resized to what the model reads.
    """
    check_text(question, "question")
    from irg.cli.view import Paragraph
    from irg.core.events import ThoughtDone
    from irg.core.reading import read_image

    picture = read_image(image)
    pipeline = choice.load(err)
    paragraph = Paragraph(out, indent=0)
    done = None
    for event in pipeline.ask(picture, question, seed):
        if isinstance(event, ThoughtDone):
            done = event
        elif not as_json:
            paragraph.write(event.text)
    assert done is not None
    if as_json:
        asked = {"image": str(image), "question": question, "seed": seed, "model": pipeline.identity}
        print_json({**asked, "answer": done.text, "num_tokens": done.num_tokens, "capped": done.capped})
        return
    paragraph.close()
    if done.capped:
        err.print(f"(stopped by its cap of {done.num_tokens} tokens)", style="dim")
