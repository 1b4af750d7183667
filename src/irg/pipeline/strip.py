"""The strip: a whole episode as one picture. The prompt, then thought, image, reflection, image, ... to be
read from left to right, three turns to a row."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image, ImageColor, ImageDraw, ImageFilter

from irg.core.trace import Trace, Verdict
from irg.report.typeset import Block, draw_block, fit, line_height

TURNS_PER_ROW = 3

_PAPER, _CARD, _SHADOW = "#f4f2ee", "#ffffff", "#b5ac9c"
_INK, _BODY, _FAINT = "#1f1d1a", "#38342e", "#8b857a"
_RIGHT, _WRONG = "#2f8f5b", "#c8503c"
_THOUGHT, _REFLECTION, _IMAGE = "#7a6ff0", "#e0972f", "#b9b2a6"
"""Colours of the dots before the captions."""

_MARGIN, _GAP, _RADIUS, _PADDING = 44, 44, 14, 26
_CAPTION_SIZE, _CAPTION_HEIGHT = 18, 38
_VERDICT_SIZE, _VERDICT_INDENT, _VERDICT_LINES = 19, 34, 4
_PROMPT_SIZES, _PROMPT_LINES = (36, 32, 28, 24), 3
_LEAST_HEIGHT, _MOST_HEIGHT = 320, 512
_LEAST_WIDTH = 760
_SMOOTHING = 4
"""Shapes are drawn so many times larger, and then reduced."""


@dataclass(frozen=True, eq=False)
class _Panel:
    """A part of the strip: a caption over a picture of a text or of an image, and perhaps a verdict below."""

    caption: str
    dot: str
    face: Image.Image
    verdict: Verdict | None = None

    @property
    def words(self) -> Block | None:
        """The verdict in words, as wide as the panel."""
        if self.verdict is None:
            return None
        flaws = "; ".join(self.verdict.flaws) or "does not match the prompt"
        text = "matches the prompt" if self.verdict.correct else flaws
        height = _VERDICT_LINES * line_height(_VERDICT_SIZE)
        return fit(text, self.face.width - _VERDICT_INDENT, height, (_VERDICT_SIZE,))

    @property
    def height(self) -> int:
        return _CAPTION_HEIGHT + self.face.height + (self.words.height + 16 if self.words else 0)


def strip(trace: Trace) -> Image.Image:
    """The episode as one wide picture. Texts that are too long for it are cut with an ellipsis, here only."""
    rows = list(_rows(trace))
    width = max([_LEAST_WIDTH, *(sum(panel.face.width + _GAP for panel in row) - _GAP for row in rows)])
    prompt = fit(trace.prompt, width, _PROMPT_LINES * line_height(_PROMPT_SIZES[0]), _PROMPT_SIZES)
    footer = fit(_provenance(trace), width, 24, (15,))

    y = _MARGIN + _CAPTION_HEIGHT + prompt.height
    row_tops = []
    for row in rows:
        row_tops.append(y + _GAP - 6)
        y += _GAP - 6 + max(panel.height for panel in row)
    sheet = Image.new("RGB", (width + 2 * _MARGIN, y + _MARGIN + footer.height + 18), _PAPER)
    _draw_caption(sheet, (_MARGIN, _MARGIN), "prompt" if trace.source is None else "instruction", _INK)
    draw = ImageDraw.Draw(sheet)
    draw_block(draw, (_MARGIN, _MARGIN + _CAPTION_HEIGHT), prompt, _INK, weight=0.5)
    for row, top in zip(rows, row_tops, strict=True):
        _draw_row(sheet, row, top)
    draw_block(draw, (_MARGIN, y + _MARGIN - 8), footer, _FAINT)
    return sheet


def _rows(trace: Trace) -> Iterator[list[_Panel]]:
    """The panels in reading order, a list for each row; the picture that was edited comes first."""
    tallest = max((turn.image.height for turn in trace.turns), default=_LEAST_HEIGHT)
    # Small pictures are enlarged by a whole number.
    height = min(-(-_LEAST_HEIGHT // tallest) * tallest, _MOST_HEIGHT)
    row: list[_Panel] = []
    if trace.source is not None:
        row.append(_Panel("source", _IMAGE, _image_face(trace.source, height)))
    for number, turn in enumerate(trace.turns, start=1):
        if turn.thought is not None:
            caption, dot = ("thought", _THOUGHT) if number == 1 else ("reflection", _REFLECTION)
            caption += " (stopped by its length cap)" if turn.capped else ""
            row.append(_Panel(caption, dot, _text_face(turn.thought, height)))
        caption = f"image {number}{' (kept)' if turn.kept else ''}"
        row.append(_Panel(caption, _IMAGE, _image_face(turn.image, height), turn.verdict))
        if number % TURNS_PER_ROW == 0:
            yield row
            row = []
    if trace.answer is not None:
        row.append(_Panel("answer", _THOUGHT, _text_face(trace.answer, height)))
    if row:
        yield row


def _text_face(text: str, height: int) -> Image.Image:
    """A card with the text, wider and in smaller letters the longer it is."""
    text = text.replace("<think>", "").replace("</think>", "")
    sizes = tuple(round(height * share) for share in (0.073, 0.066, 0.06, 0.054, 0.049, 0.044))
    for width in (round(height * 0.9), round(height * 1.35)):
        block = fit(text, width - 2 * _PADDING, height - 2 * _PADDING, sizes)
        if not block.cut:
            break
    face = Image.new("RGB", (width, height), _CARD)
    draw_block(ImageDraw.Draw(face), (_PADDING, (height - block.height) // 2), block, _BODY)
    return face


def _image_face(image: Image.Image, height: int) -> Image.Image:
    """The image at a panel's height, or less if it would become more than twice as wide."""
    scale = min(height / image.height, 2 * height / image.width)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _provenance(trace: Trace) -> str:
    name = str(trace.model.get("name", "")).rstrip("/").rpartition("/")[2]
    return " \N{MIDDLE DOT} ".join(["irg", *([f"model {name}"] if name else []), f"seed {trace.seed}"])


def _draw_row(sheet: Image.Image, row: list[_Panel], y: int) -> None:
    x, top = _MARGIN, y + _CAPTION_HEIGHT
    middle = top + max(panel.face.height for panel in row) // 2
    for panel in row:
        _draw_caption(sheet, (x, y), panel.caption, panel.dot)
        _paste_card(sheet, panel.face, (x, top))
        if panel.verdict is not None and panel.words is not None:
            below = top + panel.face.height + 16
            _draw_mark(sheet, (x, below + 1), panel.verdict.correct)
            draw_block(ImageDraw.Draw(sheet), (x + _VERDICT_INDENT, below), panel.words, _BODY)
        x += panel.face.width + _GAP
        if panel is not row[-1]:
            _fill(sheet, (x - _GAP // 2 - 6, middle - 10), (12, 20), _FAINT, _CHEVRON)


def _draw_caption(sheet: Image.Image, place: tuple[int, int], caption: str, dot: str) -> None:
    x, y = place
    _fill(sheet, (x, y + 8), (10, 10), dot, _disc)
    draw_block(ImageDraw.Draw(sheet), (x + 18, y), Block((caption,), _CAPTION_SIZE, False), _FAINT)


def _draw_mark(sheet: Image.Image, place: tuple[int, int], correct: bool) -> None:
    _fill(sheet, place, (24, 24), _RIGHT if correct else _WRONG, _disc)
    _fill(sheet, place, (24, 24), _CARD, _TICK if correct else _CROSS)


def _paste_card(sheet: Image.Image, face: Image.Image, place: tuple[int, int]) -> None:
    """Paste with round corners and a soft shadow."""
    x, y = place
    blur = 12
    mask = _mask(face.size, _rounded)
    shadow = Image.new("L", (face.width + 4 * blur, face.height + 4 * blur))
    shadow.paste(mask.point(lambda value: value * 0.5), (2 * blur, 2 * blur))
    sheet.paste(_SHADOW, (x - 2 * blur, y - 2 * blur + 5), shadow.filter(ImageFilter.GaussianBlur(blur)))
    sheet.paste(face, place, mask)


_Shape = Callable[[ImageDraw.ImageDraw, int, int], None]
"""Draws in white on a canvas of the given width and height."""


def _fill(
    sheet: Image.Image, place: tuple[int, int], size: tuple[int, int], colour: str, shape: _Shape
) -> None:
    sheet.paste(ImageColor.getrgb(colour), place, _mask(size, shape))


def _mask(size: tuple[int, int], shape: _Shape) -> Image.Image:
    width, height = size[0] * _SMOOTHING, size[1] * _SMOOTHING
    mask = Image.new("L", (width, height))
    shape(ImageDraw.Draw(mask), width, height)
    return mask.resize(size, Image.Resampling.BOX)


def _rounded(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.rounded_rectangle((0, 0, width - 1, height - 1), _RADIUS * _SMOOTHING, fill=255)


def _disc(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.ellipse((0, 0, width - 1, height - 1), fill=255)


def _strokes(thickness: int, *lines: tuple[tuple[float, float], ...]) -> _Shape:
    """Lines through points given as shares of the canvas's width and height."""

    def shape(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        for line in lines:
            points = [(x * width, y * height) for x, y in line]
            draw.line(points, fill=255, width=thickness * _SMOOTHING, joint="curve")

    return shape


_CHEVRON = _strokes(2, ((0.25, 0.1), (0.8, 0.5), (0.25, 0.9)))
_TICK = _strokes(3, ((0.28, 0.52), (0.44, 0.68), (0.73, 0.36)))
_CROSS = _strokes(3, ((0.33, 0.33), (0.67, 0.67)), ((0.67, 0.33), (0.33, 0.67)))
