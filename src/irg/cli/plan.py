"""`irg plan`: the plans that come with irg, and checking and trying of one's own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from irg.cli.options import AsJson, option
from irg.terminal import err, out, print_json

EXAMPLES = """[bold]Examples[/bold]
  irg plan list
  irg plan show thinkmorph > mine.yaml
  irg plan check mine.yaml
  irg plan fetch thinkmorph
  [dim]# what each step reads, if these were its texts[/dim]
  irg plan walk mine.yaml --text "<image_start>" --text "<answer>4</answer>"
  irg generate "a green star" --plan irg --turns 3"""

group = typer.Typer(no_args_is_help=True, help="Plans of episodes: what each step reads, writes and draws.")
Plan = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A plan that irg plan list has, or a file.")]


@group.command("list", epilog=EXAMPLES)
def list_plans(as_json: AsJson = False) -> None:
    """List those that come with irg: their names, and what they do."""
    from irg.core.shipped import PLAN, shipped
    from irg.pipeline.plans.reading import read_plan

    plans = {name: read_plan(path) for name, path in shipped(PLAN).items()}
    if as_json:
        kept = {"about", "checkpoints"}
        print_json({name: plan.model_dump(mode="json", include=kept) for name, plan in plans.items()})
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, plan in plans.items():
        table.add_row(name, plan.about, f"[dim]{', '.join(plan.checkpoints)}[/dim]")
    out.print(table)


@group.command(epilog=EXAMPLES)
def show(name: Plan, as_json: AsJson = False) -> None:
    """Print a plan."""
    from irg.core.shipped import PLAN, found
    from irg.pipeline.plans.reading import read_plan

    if as_json:
        print_json(read_plan(name).as_json())
        return
    out.out(found(Path(name), PLAN).read_text(encoding="utf-8"), end="", highlight=False)


@group.command(epilog=EXAMPLES)
def check(name: Plan, as_json: AsJson = False) -> None:
    """Say whether a plan can be run, and what in it may surprise.

    What is wrong is told with its line. Nothing is fetched and no model is loaded.
    """
    from irg.pipeline.plans.check import remarks
    from irg.pipeline.plans.reading import read_plan

    plan = read_plan(name)
    if as_json:
        counts = {"images": plan.num_images, "reads_pictures": plan.reads_input}
        print_json({"plan": name, **counts, "remarks": remarks(plan)})
        return
    for remark in remarks(plan):
        err.print(remark, style="yellow", markup=False, soft_wrap=True)
    pictures = f"up to {plan.num_images} picture{'s' * (plan.num_images != 1)}"
    out.print(f"{name} is in order: {pictures}", markup=False, highlight=False, soft_wrap=True)


@group.command(epilog=EXAMPLES)
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME|FILE...", help="Plans.")],
) -> None:
    """Fetch the system prompts of plans from where they are published, for use without a network.

    A server fetches nothing for a request: it takes plans whose prompts were fetched before.
    """
    from irg.pipeline.plans.reading import read_plan
    from irg.pipeline.plans.systems import system_texts

    for name in names:
        texts = system_texts(read_plan(name), "")
        told = ", ".join(f"{len(text):,} characters" for text in texts.values() if text)
        out.print(f"{name}: {told or 'has none of its own'}", markup=False, highlight=False, soft_wrap=True)


@group.command(epilog=EXAMPLES)
def walk(
    name: Plan,
    text: Annotated[
        list[str] | None, option("What would be written, in its order; give it as often as need be.")
    ] = None,
    pictures: Annotated[
        int | None,
        option("So many pictures are given. Default: 1, if the plan reads any.", metavar="N", least=0),
    ] = None,
) -> None:
    """Show what each step reads if these were its texts, without a model.

    S is the system prompt, P the prompt, CLEAN(I) the latents of a picture and VIEW(I) what is seen of it.
    """
    from irg.pipeline.plans.reading import read_plan
    from irg.pipeline.plans.walk import walked

    for line in walked(read_plan(name), text or [], pictures):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@group.command(epilog=EXAMPLES)
def schema() -> None:
    """Print the JSON schema of plan files, for editors."""
    from irg.pipeline.plans.reading import schema as written

    out.out(written(), end="", highlight=False)
