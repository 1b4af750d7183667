"""OneIG's text score with RapidOCR in place of the model that the authors read by: it needs no endpoint and
no GPU. Its numbers are not those of OneIG, and it goes by a name of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irg.bench.items import Item
from irg.bench.oneig.benchmark import ONEIG
from irg.bench.oneig.dimensions import FIVE
from irg.bench.oneig.grids import shown as through_jpeg
from irg.bench.oneig.items import oneig_items
from irg.bench.oneig.judge import TEXT
from irg.bench.oneig.summary import summary_of_dimension
from irg.bench.protocol import EvidenceRow, Judge, JudgeOptions, Shown
from irg.bench.settings import read_settings
from irg.core.picture import Picture

if TYPE_CHECKING:
    from irg.scorers.text_reader import TextReader

_LETTERING = next(one for one in FIVE if one.name == TEXT)


class ReaderJudge:
    """Reads each picture by itself, as the other judges of OneIG see it."""

    @cached_property
    def _reader(self) -> "TextReader":
        from irg.scorers.text_reader import TextReader

        return TextReader()

    @property
    def identity(self) -> Mapping[str, Any]:
        return self._reader.identity

    def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, Sequence[EvidenceRow]]]:
        for one in shown:
            rows = []
            for number, picture in one.pictures.items():
                lines = self._reader(Picture(through_jpeg(picture.open())).open())
                evidence = {
                    "answer": "\n".join(line.text for line in lines),
                    "scores": [round(line.score, 4) for line in lines],
                }
                rows.append(EvidenceRow(number, TEXT, evidence))
            yield one, rows


@contextmanager
def _judge(options: JudgeOptions) -> Iterator[Judge]:
    read_settings(options)
    for package in ("rapidocr", "onnxruntime"):
        if find_spec(package) is None:
            raise ValueError(f"reading text needs {package}: pip install 'irg[bench]'")
    yield ReaderJudge()


def _items(folder: Path) -> list[Item]:
    return [item for item in oneig_items(folder) if _LETTERING.applies(item)]


ONEIG_TEXT_RAPIDOCR = replace(
    ONEIG,
    name="oneig-en-text-rapidocr",
    version=1,
    words="the text of OneIG-EN's pictures, read offline by RapidOCR",
    items=_items,
    judge=_judge,
    summaries={TEXT: summary_of_dimension(_LETTERING)},
)
