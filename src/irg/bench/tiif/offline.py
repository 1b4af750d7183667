"""TIIF's measures of text by RapidOCR, where its authors read by PaddleOCR: of the prompts that ask for text,
how far the words are from those asked for (GNED, lower is better), and how many are there (recall).

It is no part of TIIF's overall score, and its numbers are not those of the authors' reader.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from irg.bench.figures import mean_figure, summary_of
from irg.bench.items import Item
from irg.bench.protocol import Hearings, Sample, Summarise, Summary, missing_pictures
from irg.bench.readers import TEXT, reader_judge
from irg.bench.tiif.benchmark import SCRIPT, TIIF, tiif_items
from irg.bench.tiif.groups import LENGTHS
from irg.bench.tiif.lettering import global_distance, recall

_QUOTED = re.compile(r'"([^"]+)"')
Measure = Callable[[Sequence[str], Sequence[str]], float]


def text_items(folder: Path) -> list[Item]:
    """The prompts of type text, with the words in quotes in the short form of each."""
    items = [item for item in tiif_items(folder) if item.facts["type"] == "text"]
    short = {item.facts["line"]: item.prompt for item in items if item.facts["length"] == "short"}
    found = []
    for item in items:
        words = _QUOTED.findall(short[item.facts["line"]])
        if not words:
            raise ValueError(f"{item.id}: there are no words in quotes in {short[item.facts['line']]!r}")
        found.append(replace(item, facts={**item.facts, "words": [word.lower() for word in words]}))
    return found


def summary(name: str, length: str, measure: Measure, is_gain: bool) -> Summarise:
    """The mean of a measure over the pictures of one length. What is better when it is lower has no samples,
    so that nothing takes a higher value for a gain."""

    def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
        ours = [item for item in items if item.facts["length"] == length]
        samples = [
            Sample(item.id, 0, length, measure(item.facts["words"], _lines(rows[TEXT].evidence["answer"])))
            for item in ours
            if item.id in heard and (rows := heard[item.id].ok(0))
        ]
        missing = missing_pictures(ours, heard)
        if is_gain:
            return summary_of(name, samples, {length: len(ours)}, {length: 1.0}, missing)
        return Summary(name, mean_figure(name, samples, len(ours)), (), missing)

    return summarise


def _lines(answer: str) -> list[str]:
    """As the official code has them: in small letters, and an empty one where nothing was read."""
    return answer.lower().split("\n")


TIIF_TEXT_RAPIDOCR = replace(
    TIIF,
    name="tiif-text-rapidocr",
    version=1,
    words="the text of TIIF's pictures, read offline by RapidOCR",
    items=text_items,
    judge=reader_judge,
    program=None,
    sources=tuple(file for file in TIIF.sources if file.path != SCRIPT),
    summaries={
        f"{name} {length}": summary(f"{name} {length}", length, measure, is_gain)
        for name, measure, is_gain in (("recall", recall, True), ("gned", global_distance, False))
        for length in LENGTHS
    },
    scale=1.0,
    digits=4,
)
