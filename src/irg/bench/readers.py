"""Judges that read the text in pictures offline, by RapidOCR: no endpoint, no GPU, nothing to fetch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from PIL import Image

from irg.bench.failing import found_or_failed
from irg.bench.pictures import ShownPicture
from irg.bench.protocol import EvidenceRow, JudgeOptions, Shown
from irg.bench.settings import read_settings

if TYPE_CHECKING:
    from irg.scorers.text_reader import TextReader

TEXT = "text"
"""The question: what is written there."""
Seen = Callable[[ShownPicture], Image.Image]


class ReaderJudge:
    """Reads each picture by itself, as `seen` shows it; the reader is made when it is first asked."""

    def __init__(self, seen: Seen = ShownPicture.open) -> None:
        self._seen = seen

    @cached_property
    def _reader(self) -> "TextReader":
        from irg.scorers.text_reader import TextReader

        return TextReader()

    @property
    def identity(self) -> Mapping[str, Any]:
        return self._reader.identity

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            yield (
                one,
                [
                    found_or_failed(number, TEXT, partial(self._evidence, picture))
                    for number, picture in one.pictures.items()
                ],
            )

    def _evidence(self, picture: ShownPicture) -> dict[str, Any]:
        lines = self._reader(self._seen(picture))
        return {
            "answer": "\n".join(line.text for line in lines),
            "scores": [round(line.score, 4) for line in lines],
        }


@contextmanager
def reader_judge(options: JudgeOptions, seen: Seen = ShownPicture.open) -> Iterator[ReaderJudge]:
    """Raises ValueError for a setting, of which there are none, and where a package is not installed."""
    read_settings(options)
    for package in ("rapidocr", "onnxruntime"):
        if find_spec(package) is None:
            raise ValueError(f"reading text needs {package}: pip install 'irg[bench]'")
    yield ReaderJudge(seen)
