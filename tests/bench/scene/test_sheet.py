import numpy as np
from PIL import Image

from irg.bench.scene.sheet import SheetRow, contact_sheet

GREEN, RED = (0x2E, 0x9D, 0x4F), (0xD3, 0x3C, 0x3C)


def row(prompt: str, *right: bool) -> SheetRow:
    pictures = tuple(Image.new("RGB", (40, 40), (0, 0, 100 + place)) for place in range(len(right)))
    return SheetRow(prompt, pictures, right)


def test_pictures_stand_in_reading_order_in_frames_that_say_right_or_wrong() -> None:
    rows = [row("a", False, True), row("b", True, True), row("c", False, False)]
    pixels = np.asarray(contact_sheet(("base", "turn 1"), rows, columns=2))
    frames = [
        [tuple(int(value) for value in pixels[top, left]) for left in (14, 14 + 46, 120, 120 + 46)]
        for top in (24 + 34, 24 + 94 + 34)
    ]
    assert frames == [[RED, GREEN, GREEN, GREEN], [RED, RED, (255, 255, 255), (255, 255, 255)]]
    assert tuple(pixels[24 + 34 + 20, 14 + 46 + 20]) == (0, 0, 101)


def test_prompts_and_headings_are_written_and_long_ones_stay_in_their_place() -> None:
    def ink(prompt: str, heading: str) -> np.ndarray:
        sheet = contact_sheet((heading, ""), [row(prompt, True, True)], columns=1)
        return np.asarray(sheet.convert("L")) < 200

    bare, written = ink("", ""), ink("five large yellow hearts " * 20, "drawn at once " * 9)
    new = written & ~bare
    assert new[:24].any() and new[24:58].any()
    assert not new[58:].any() and not new[:, :14].any() and not new[:, -14:].any()
