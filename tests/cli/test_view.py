import io

import pytest
from rich.console import Console

from irg.cli.view import Paragraph
from irg.terminal import printable


def shown(pieces: list[str], width: int = 24) -> str:
    file = io.StringIO()
    paragraph = Paragraph(Console(file=file, width=width), indent=2)
    for piece in pieces:
        paragraph.write(piece)
    paragraph.close()
    return file.getvalue()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_text_is_wrapped_at_words_however_it_comes(size: int) -> None:
    text = "A large red circle left, a small blue star right."
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert shown(pieces) == "  A large red circle\n  left, a small blue\n  star right.\n"


def test_line_breaks_are_kept() -> None:
    assert shown(["one\ntwo\n\nthree"]) == "  one\n  two\n\n  three\n"


def test_text_without_spaces_does_not_wait_for_one() -> None:
    lines = shown(["\u4e2d" * 30]).splitlines()
    assert all(lines) and sum(line.count("\u4e2d") for line in lines) == 30


def test_a_model_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\nc") == "a\N{REPLACEMENT CHARACTER}[2Jb\nc"
