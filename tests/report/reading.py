"""Reads pages as a browser does."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "img", "rect"}


class Page(HTMLParser):
    """What is in a page, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.images, self.open = text, Counter(), [], []
        self.words: list[str] = []
        self.classes: Counter[str] = Counter()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags[tag] += 1
        self.classes[given.get("class") or ""] += 1
        assert not any(name in given for name in ("onclick", "onload", "href"))
        if tag == "img":
            self.images.append(given)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.classes[dict(attrs).get("class") or ""] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
