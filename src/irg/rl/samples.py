"""Sample episodes of a run: one group of siblings beside one another, with what each was worth."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from irg.core.files import write_atomically
from irg.core.trace import png
from irg.rl.episodes import SiblingGroup
from irg.rl.lessons import returned
from irg.rl.settings import RlRecipe
from irg.run.saved import step_name

_MARGIN, _LINE = 8, 16


def save_samples(groups: Sequence[SiblingGroup], recipe: RlRecipe, step: int) -> None:
    """The step's first group, as a picture and as text, into `samples` of the run's folder."""
    if not groups:
        return
    group, folder = groups[0], recipe.out / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    name = step_name(step)
    write_atomically(folder / f"{name}.png", png(_sheet(group, recipe)))
    lines = [f"{group.asked.prompt}\n", f"first: {group.siblings[0].trace.turns[0].thought}\n"]
    for number, sibling in enumerate(group.siblings, start=1):
        grades = " ".join(f"{grade:.2f}" for grade in sibling.grades)
        lines.append(f"{number}. worth {returned(sibling, recipe):.3f}, grades {grades}\n")
        lines += [f"   {turn.thought}\n" for turn in sibling.trace.turns[1:]]
    write_atomically(folder / f"{name}.txt", "".join(lines))


def _sheet(group: SiblingGroup, recipe: RlRecipe) -> Image.Image:
    """A row for each sibling: the shared picture, then its own, with what it was worth above."""
    rows = [[turn.image for turn in sibling.trace.turns] for sibling in group.siblings]
    width = sum(image.width + _MARGIN for image in rows[0]) + _MARGIN
    height = sum(max(image.height for image in row) + _LINE + _MARGIN for row in rows) + _MARGIN
    sheet = Image.new("RGB", (width, height), "white")
    write, top = ImageDraw.Draw(sheet), _MARGIN
    for row, sibling in zip(rows, group.siblings, strict=True):
        grades = ", ".join(f"{grade:.2f}" for grade in sibling.grades)
        write.text((_MARGIN, top), f"worth {returned(sibling, recipe):.2f} ({grades})", fill="black")
        left = _MARGIN
        for image in row:
            sheet.paste(image, (left, top + _LINE))
            left += image.width + _MARGIN
        top += max(image.height for image in row) + _LINE + _MARGIN
    return sheet
