"""A real Chromium, for tests of what a page is to those who look at it. Without one they skip, saying so."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--disable-gpu", "--disable-dev-shm-usage")
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Playwright's Browser. While it is open no other event loop can be run in this thread: it is closed when
    the tests of a module are done."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"there is no {' or '.join(_NAMES)} on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Chromium refuses its sandbox to root, as whom containers run tests; the pages are ours.
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=flags)
        yield opened
        opened.close()


def overflow(page: Any) -> int:
    """How many pixels of a page stand out at its right side, where one would have to scroll to see them."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
