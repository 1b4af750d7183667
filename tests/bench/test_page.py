import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irg.bench.columns import sections_of
from irg.bench.page import markdown, page, write_report
from irg.bench.published import PUBLISHED, PublishedRow
from tests.bench.drawn import made_run
from tests.browser import WIDTHS, overflow

pytestmark = pytest.mark.usefixtures("known_colours")


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [PublishedRow("BAGEL", {"colours": "0.71"}, "the judge of others", "a paper")]
    monkeypatch.setattr("irg.bench.page.PUBLISHED", {**PUBLISHED, "colours": rows})


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.usefixtures("published")
def test_the_table_has_turns_beside_what_was_published(tmp_path: Path) -> None:
    said = markdown(sections_of([made_run(tmp_path / "run", "rrr", "rbr")]))
    assert "|  | theirs, turn 1 | theirs, turn 2 | BAGEL (published) |" in said
    assert "| colours | 0.67 (0.00 to 1.00, n 6) | 1.00 (0.44 to 1.00, n 6) | 0.71 |" in said
    assert "| plain | 0.50 (0.00 to 1.00, n 4)" in said and "| odd | 1.00 " in said
    assert "| BAGEL | colours 0.71 | the judge of others | a paper |" in said


def test_the_page_says_what_turns_changed_and_shows_it(tmp_path: Path) -> None:
    html = page(sections_of([made_run(tmp_path / "run", "rrb", "rbb")]))
    said = text(html)
    assert "theirs, turn 2 - theirs, turn 1 +0.33 (+0.00 to +1.00)" in said
    assert "50% mended: 2 of 4" in said and "0% broken: 0 of 2" in said
    assert "mended (2)" in said and "plain (4)" in said and "6 of 6" in said
    assert html.count("<article") == 6 and html.count("<img") == 12
    assert "judge&#39;s name" in html and "<script" not in html
    assert html.count('style="--gain: 0;') == 1


def test_incomplete_partial_and_escaped(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "<i>run", "r-r")
    html = page(sections_of([folder]))
    assert "incomplete" in text(html) and "theirs, turn 1 2 no picture" in text(html)
    assert "n 4 of 6" in html or "0 of 6" in html
    assert "<i>run" not in html


@pytest.mark.parametrize("is_emptied", [False, True])
def test_numbers_are_told_without_the_trees_that_they_are_of(tmp_path: Path, is_emptied: bool) -> None:
    folder = made_run(tmp_path / "run", "rbr", "rbb")
    trees = tmp_path / "run-trees"
    trees.rename(tmp_path / "moved")
    if is_emptied:
        (trees / "turn1").mkdir(parents=True)
        (trees / "turn2").mkdir()
    html = page(sections_of([folder]))
    assert "0.67" in text(html) and html.count("no picture to show") == 12


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    one, two = (made_run(tmp_path / name, "rbr", "rbr") for name in ("one", "two"))
    (tmp_path / "report").mkdir()
    written = write_report([one, two], tmp_path / "report", shown=1)
    assert [path.name for path in written] == ["index.html", "table.md"]
    html = written[0].read_text()
    assert html.count("<article") == 2 and "two: theirs, turn 2 - one: theirs, turn 2" in text(html)


@pytest.fixture(params=WIDTHS)
def opened(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """The page of two runs, one of which has a picture of each fate, in a window of a desktop or a phone."""
    some = (
        made_run(tmp_path / "some", "rrb", "bbb"),
        made_run(tmp_path / "a-run-of-a-long-name", "rbr", "rbb"),
    )
    file = tmp_path / "index.html"
    file.write_text(page(sections_of(some)))
    with browser.new_page(viewport={"width": WIDTHS[request.param], "height": 800}) as opened:
        complaints: list[str] = []
        opened.on("console", lambda said: complaints.append(said.text))
        opened.goto(file.as_uri())
        yield opened
        assert complaints == []


def fates(gallery: Any) -> list[str]:
    """What became of the pictures that are to be seen, in the order in which one sees them."""
    return gallery.evaluate(
        """gallery => [...gallery.querySelectorAll("article")]
            .filter(card => card.offsetParent !== null)
            .map(card => [card.getBoundingClientRect(), card.querySelector("b").textContent])
            .sort(([a], [b]) => a.top - b.top || a.left - b.left).map(([_, fate]) => fate)"""
    )


def test_pictures_are_sorted_and_chosen(opened: Any) -> None:
    gallery, other = opened.locator(".gallery").all()
    show, category, sort = gallery.locator("select").all()
    assert fates(gallery) == ["broken", "broken", "mended", "mended", "still wrong", "still wrong"]
    sort.select_option("most gained first")
    assert fates(gallery) == ["mended", "mended", "still wrong", "still wrong", "broken", "broken"]
    sort.select_option("most lost first")
    assert fates(gallery) == ["broken", "broken", "still wrong", "still wrong", "mended", "mended"]
    category.select_option("odd (2)")
    assert fates(gallery) == ["still wrong", "still wrong"]
    category.select_option("all")
    show.select_option("mended (2)")
    assert fates(gallery) == ["mended", "mended"]
    assert len(fates(other)) == 6


def test_it_is_read_by_keyboard(opened: Any) -> None:
    gallery = opened.locator(".gallery").first
    show, _, sort = gallery.locator("select").all()
    show.focus()
    opened.keyboard.press("ArrowDown")
    assert fates(gallery) == ["broken", "broken"]
    opened.keyboard.press("Home")
    for _ in range(2):
        opened.keyboard.press("Tab")
    assert sort.evaluate("select => select === document.activeElement")
    opened.keyboard.press("m")
    assert fates(gallery)[0] == "mended"


def test_it_fits_its_window_and_pictures_are_there(opened: Any) -> None:
    assert overflow(opened) == 0
    pictures = opened.locator("img").all()
    assert len(pictures) == 24
    for picture in pictures:
        picture.scroll_into_view_if_needed()
        picture.evaluate("picture => picture.decode()")
        assert picture.evaluate("picture => picture.naturalWidth") == 8
    for summary in opened.locator("summary").all():
        summary.click()
    assert overflow(opened) == 0
