import base64
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.core.trace import Trace
from irg.model import ModelConfig
from irg.pipeline import Plan, Settings
from irg.serve.page import PATHS, POLICY, asset, facts
from irg.serve.tokens import TokenBook, TokenLimits
from tests.browser import WIDTHS, overflow
from tests.serve.conftest import Front
from tests.serve.test_front import asking_for_tokens

HOSTILE = "<b>no</b>"
"""Words that would be something else if they were set as HTML; the small model reads no more than these."""
HTML = asset("/").content.decode()
SCRIPTS = [asset(path).content.decode() for path in PATHS if path.endswith(".js")]


def test_nothing_comes_from_elsewhere_and_nothing_runs_but_the_pages_own_scripts() -> None:
    assert "unsafe" not in POLICY and "default-src 'none'" in POLICY
    for path in PATHS:
        assert asset(path).headers["content-security-policy"] == POLICY
    named = set(re.findall(r'(?:src|href)="([^"#]*)"', HTML)) | set(
        re.findall(r'from "\./([^"]*)"', "\n".join(SCRIPTS))
    )
    assert {f"/{name}" for name in named - {"data:,"}} | {"/"} == set(PATHS)
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", HTML)


def test_what_a_model_wrote_is_no_html() -> None:
    for script in SCRIPTS:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(", script
        )


def test_every_field_has_a_label() -> None:
    for field in re.findall(r"<(?:input|textarea|select)[^>]*>", HTML):
        (name,) = re.findall(r'id="([^"]*)"', field) or [""]
        within = re.search(rf"<label[^>]*>(?:(?!</label>)[\s\S])*{re.escape(field)}", HTML)
        assert "aria-label=" in field or f'<label for="{name}"' in HTML or within, field


@pytest.mark.parametrize("world", ["scenes", None])
def test_the_sizes_that_are_offered_can_be_drawn(config: ModelConfig, world: str | None) -> None:
    side = config.latent_side * config.pixels_per_latent
    settings = Settings(width=side, height=side, world="scenes" if world else None)
    found = facts("a model", settings, config, 8)
    assert found["sizes"][0] == f"{side}x{side}" and len(found["sizes"]) == 4
    for size in found["sizes"]:
        width, height = map(int, size.split("x"))
        Plan(settings.plan().turns, width, height, settings.text_sampling()).grid(config)
    assert set(found["examples"]) == {"draw", "edit", "ask"} and found["turns"] == 2
    assert facts("a model", settings, config, 1)["turns"] == 1


class TestInABrowser:
    """A real Chromium, a real server, a model of random weights."""

    @pytest.fixture
    def page(self, browser: Any, front: Front) -> Iterator[Any]:
        context = browser.new_context(viewport={"width": WIDTHS["desktop"], "height": 900})
        page, said = context.new_page(), []
        page.set_default_timeout(120_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(front.address)
        page.locator("#examples button").first.wait_for()
        yield page
        context.close()
        assert said == []

    def test_two_pictures_a_changed_reflection_the_slider_and_the_trace(
        self, page: Any, tmp_path: Path
    ) -> None:
        page.get_by_label("What shall be drawn?").fill("two red stars")
        page.keyboard.press("Enter")
        page.locator("#status", has_text="Done").wait_for()
        for number in (1, 2):
            assert page.get_by_alt_text(f"Picture {number} for: two red stars").is_visible()
        drawn = page.locator(".frame img").evaluate_all("all => all.map(one => one.naturalWidth)")
        assert drawn == [32, 32]
        first, second = page.locator(".frame img").evaluate_all("all => all.map(one => one.src)")

        page.get_by_role("button", name="Change the words").click()
        words = page.get_by_label("Your own words").last
        words.fill(HOSTILE)
        words.press("Enter")
        page.locator("#status", has_text="Done").wait_for()
        page.get_by_text("reflection, in your own words").wait_for()
        assert page.locator("[data-thought]").last.inner_text() == HOSTILE
        assert page.locator(".frame img").first.get_attribute("src") == first
        assert page.locator(".frame img").last.get_attribute("src") != second

        slider = page.get_by_label("How much of the first picture is shown")
        shown = "one => getComputedStyle(one).clipPath"
        slider.press("End")
        assert page.locator("[data-before]").evaluate(shown) == "inset(0px 0% 0px 0px)"
        slider.press("Home")
        assert page.locator("[data-before]").evaluate(shown) == "inset(0px 100% 0px 0px)"
        assert page.locator("[data-after]").evaluate("one => one.src") != first

        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download the trace").click()
        with zipfile.ZipFile(downloading.value.path()) as archive:
            assert archive.testzip() is None
            archive.extractall(tmp_path)
        trace = Trace.load(tmp_path)
        assert trace.prompt == "two red stars" and len(trace.turns) == 2
        assert trace.turns[1].thought == HOSTILE and trace.provenance == {"own_words": [2]}
        assert Picture.of(trace.turns[0].image).data == png_of(first)

        page.reload()
        page.locator("#history button").click()
        assert page.locator("[data-prompt]").inner_text() == "two red stars"
        assert page.locator(".frame img").count() == 2

    def test_the_reflection_waits_for_a_person_who_asked_for_it(self, page: Any) -> None:
        page.get_by_label("Let me change the reflection").check()
        page.get_by_label("What shall be drawn?").fill("a star")
        page.get_by_role("button", name="Draw", exact=True).click()
        page.locator("#status", has_text="Your turn").wait_for()
        assert page.locator(".frame img:visible").count() == 1
        assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
        page.keyboard.press("Enter")
        page.locator("#status", has_text="Done").wait_for()
        assert page.locator(".frame img:visible").count() == 2

    def test_a_picture_is_changed_and_asked_about(self, page: Any, tmp_path: Path) -> None:
        Image.new("RGB", (48, 32), "red").save(tmp_path / "mine.png")
        page.get_by_label("Edit a picture").check()
        page.get_by_label("What shall be changed?").fill("make it blue")
        page.keyboard.press("Enter")
        assert "Choose a picture" in page.get_by_role("alert").inner_text()
        page.get_by_label("Choose a picture").set_input_files(tmp_path / "mine.png")
        page.get_by_alt_text("The picture that you chose").wait_for()
        page.get_by_role("button", name="Edit", exact=True).click()
        page.get_by_alt_text("Picture 2 for: make it blue").wait_for()
        page.locator("#status", has_text="Done").wait_for()
        page.get_by_label("Ask about a picture").check()
        page.get_by_label("What do you want to know?").fill("Is it red?")
        page.keyboard.press("Enter")
        page.get_by_text("question").wait_for()
        page.locator("#status", has_text="Done").wait_for()
        assert page.locator(".answer").inner_text() != "" and page.get_by_role("alert").count() == 0

    def test_a_telephone_shows_all_of_it(self, page: Any, tmp_path: Path) -> None:
        page.set_viewport_size({"width": WIDTHS["phone"], "height": 844})
        page.get_by_label("What shall be drawn?").fill("a star")
        page.get_by_text("Settings").click()
        page.get_by_label("Turns").fill("1")
        page.get_by_role("button", name="Draw", exact=True).click()
        page.locator("#status", has_text="Done").wait_for()
        for words in ("[data-prompt]", "[data-thought]", "[data-facts]", "#history span"):
            page.locator(words).first.evaluate("one => one.textContent = 'W'.repeat(200)")
        assert overflow(page) == 0
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            assert box is None or (box["height"] >= 40 and box["x"] + box["width"] <= WIDTHS["phone"])

    def test_a_server_that_asks_for_a_token_gets_one(
        self, browser: Any, front: Front, tmp_path: Path
    ) -> None:
        with asking_for_tokens(front, TokenBook(tmp_path / "tokens.json")) as book:
            token = book.add("alice", TokenLimits())
            page = browser.new_context().new_page()
            page.set_default_timeout(120_000)
            page.goto(front.address)
            page.get_by_label("Token", exact=True).fill("irgt_wrong")
            page.keyboard.press("Enter")
            page.get_by_text("The server does not know this token").wait_for()
            page.get_by_label("Token", exact=True).fill(token)
            page.keyboard.press("Enter")
            page.locator("#model", has_text="small").wait_for()
            page.context.close()


def png_of(address: str) -> bytes:
    return base64.b64decode(address.partition(",")[2])
