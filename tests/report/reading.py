"""Reads pages as a browser does."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "img", "rect"}


class Page(HTMLParser):
    """What is in a page, whose elements are closed and which loads and runs nothing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.images, self.open = text, Counter(), [], []
        self.words: list[str] = []
        self.classes: Counter[str] = Counter()
        self.feed(text)
        self.close()
        assert self.open == []
        assert not self.tags.keys() & {"script", "link", "iframe", "object", "embed", "form"}

    @property
    def said(self) -> str:
        """All that is to be read."""
        return "".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._meet(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._meet(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def _meet(self, tag: str, given: dict[str, str | None]) -> None:
        self.tags[tag] += 1
        self.classes[given.get("class") or ""] += 1
        assert not any(name.startswith("on") or name in ("srcset", "data") for name in given)
        assert (given.get("href") or "#").startswith("#")
        assert (given.get("src") or "data:image/").startswith("data:image/")
        if tag == "img":
            self.images.append(given)
