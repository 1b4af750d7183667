import base64
import io

import pytest
from jinja2 import UndefinedError
from PIL import Image

from irg.report import page
from irg.report.page import Heading, inlined, plural, render, thumbnail
from tests.report.reading import Page

NASTY = "</style></title><script>alert(1)</script> <img src=http://a.b onerror=x> {{ 7 * 7 }} &amp; ' \""


def components(source: str, **content: object) -> Page:
    """The components that a template makes."""
    imports = '{% from "report/components.html" import label, picture, table, words %}'
    return Page(page._environment().from_string(imports + source).render(content))


def test_a_page_has_a_policy_a_style_and_what_it_is_about() -> None:
    read = Page(framed(Heading("data set", "some rows", ("5 rows", "1 rejected"))))
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in read.text
    assert "--paper" in read.text and "http:" not in read.text and "https:" not in read.text
    assert read.tags["title"] == read.tags["style"] == read.tags["h1"] == 1 and read.tags["li"] == 2
    for words in ("data set", "some rows", "5 rows", "1 rejected"):
        assert words in read.said


def framed(heading: Heading) -> str:
    return render("report/frame.html", heading, {})


def test_a_heading_is_text_and_not_markup() -> None:
    read = Page(framed(Heading(NASTY, NASTY, (NASTY,))))
    assert read.said.count(NASTY) == 4 and read.tags["img"] == 0


def test_texts_and_cells_are_text_and_not_markup() -> None:
    source = """{{ table([[nasty, nasty]], [nasty, nasty]) }}{{ words(nasty, nasty, nasty, true) }}
    {{ label(nasty, nasty, aside=nasty) }}{{ picture(image, nasty) }}"""
    read = components(source, nasty=NASTY, image=inlined(Image.new("RGB", (2, 3))))
    assert read.said.count(NASTY) == 8 and read.tags["img"] == 1
    assert read.images[0]["alt"] == NASTY and read.classes[f"label {NASTY}"] == 2


def test_numbers_stand_on_the_right_under_their_heads() -> None:
    read = components(
        "{{ table([['a', 12345, '0.5%', 'b'], ['c', 1, '', 'd']], ['name', 'n', 'share', '']) }}"
    )
    assert read.classes["number"] == 5 and "12,345" in read.said
    assert read.tags["th"] == 6 and read.tags["td"] == 6


def test_what_a_template_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        components("{{ misspelt }}")


def test_pictures_are_inside_whole_or_as_thumbnails() -> None:
    image = Image.linear_gradient("L").resize((300, 120))
    whole, small = inlined(image), thumbnail(image.convert("RGBA"), 100)
    assert opened(whole.address).tobytes() == image.tobytes() and (whole.width, whole.height) == (300, 120)
    assert opened(small.address).size == (small.width, small.height) == (100, 40)
    assert thumbnail(image.resize((30, 12)), 100).width == 30


def opened(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_one_is_no_plural() -> None:
    assert [plural(count, "row") for count in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
