import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irg.bench.official import official_texts
from irg.bench.oneig.benchmark import SCRIPT, WANTED, OneigSettings
from irg.bench.oneig.grids import shown as through_jpeg
from irg.bench.oneig.items import oneig_items
from irg.bench.oneig.judge import Failed, OneigJudge, asking
from irg.bench.protocol import EvidenceRow, JudgeOptions, Shown
from tests.bench.judging_server import picture, show, shown_bytes, words
from tests.bench.oneig.sources import write_sources
from tests.endpoint.fake_server import Behaviour, FakeServer, serving

PICTURES = [picture((number * 50, 0, 99)) for number in range(3)]


class Sizes:
    """Encoders whose values follow from how many pictures they have seen; of some they know nothing."""

    identity: Mapping[str, Any] = {"name": "sizes"}
    dimensions = frozenset({"style", "reasoning", "diversity"})

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails, self.seen = fails, []

    def style(self, picture: bytes, style: str) -> Mapping[str, Sequence[float]]:
        self.seen.append(picture)
        return {"csd": [0.1, 0.2], "se": [0.3, 0.4]}

    def reasoning(self, picture: bytes, answer: str) -> float:
        if self.fails:
            raise self.fails
        return float(len(answer))

    def diversity(self, one: bytes, other: bytes) -> float:
        return float(one == other)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(answer=lambda body: "No." if "red" in words(body) else "Yes")) as running:
        yield running


def judge(server: FakeServer, folder: Path, encoders: Sizes, dimensions: str) -> OneigJudge:
    names = tuple(dimensions.split(","))
    settings = OneigSettings(base_url=server.url, model="judge", dimensions=names)
    texts = official_texts(folder / SCRIPT, WANTED, modified=True)
    options = JudgeOptions(folder, folder / "kept")
    return OneigJudge(asking(settings, texts, options, names), [encoders], names)


def rows_of(one: OneigJudge, *shown: Shown) -> dict[str, dict[tuple[int | None, str], EvidenceRow]]:
    return {
        item.item.id: {(row.picture, row.question): row for row in rows} for item, rows in one.hear(shown)
    }


def test_questions_are_asked_of_every_picture_as_a_judge_sees_it(server: FakeServer, tmp_path: Path) -> None:
    items = {item.id: item for item in oneig_items(write_sources(tmp_path))}
    one = judge(server, tmp_path, Sizes(), "alignment,text")
    rows = rows_of(one, show(items["human-000"], *PICTURES), show(items["text-000"], PICTURES[0]))
    assert set(rows["human-000"]) == {(n, f"alignment/{q}") for n in range(3) for q in (1, 2)}
    assert rows["human-000"][1, "alignment/2"].evidence["answer"] == "No."
    assert rows["text-000"][0, "text"].evidence["answer"] == "Yes"
    bodies = [seen.body for seen in server.requests]
    assert {body["max_tokens"] for body in bodies} == {128}
    assert all("temperature" not in body and len(body["messages"]) == 1 for body in bodies)
    first, second = bodies[0]["messages"][0]["content"]
    assert (first["type"], second["type"]) == ("image_url", "text")
    (seen,) = shown_bytes(bodies[-1])
    assert Image.open(io.BytesIO(seen)).format == "JPEG"
    assert seen in [through_jpeg(one.open()) for one in PICTURES]
    assert {words(body) for body in bodies} == {
        "Is it there? Yes or no?",
        "Is it red? Yes or no?",
        "Read the picture.",
    }


def test_encoders_are_asked_what_an_item_is_judged_by(server: FakeServer, tmp_path: Path) -> None:
    items = {item.id: item for item in oneig_items(write_sources(tmp_path))}
    encoders = Sizes()
    one = judge(server, tmp_path, encoders, "style,reasoning,diversity")
    shown = [show(items[name], *PICTURES) for name in ("anime-000", "anime-001", "reasoning-000")]
    rows = rows_of(one, *shown)
    assert not server.num_requests
    assert set(rows["anime-000"]) == {(None, "diversity")}
    assert rows["anime-000"][None, "diversity"].evidence["distances"] == [
        [0, 1, 0.0],
        [0, 2, 0.0],
        [1, 2, 0.0],
    ]
    assert rows["anime-001"][2, "style"].evidence == {"csd": [0.1, 0.2], "se": [0.3, 0.4]}
    assert rows["reasoning-000"][0, "reasoning"].evidence == {"similarity": float(len("Because of clouds."))}
    assert encoders.seen == [through_jpeg(one.open()) for one in PICTURES]


def test_one_picture_has_nothing_to_differ_from(server: FakeServer, tmp_path: Path) -> None:
    items = {item.id: item for item in oneig_items(write_sources(tmp_path))}
    one = judge(server, tmp_path, Sizes(), "diversity")
    assert rows_of(one, show(items["human-000"], PICTURES[0])) == {"human-000": {}}


@pytest.mark.parametrize("failure", [Failed("no such language"), RuntimeError("out of memory")])
def test_what_encoders_fail_at_is_told(server: FakeServer, tmp_path: Path, failure: Exception) -> None:
    items = {item.id: item for item in oneig_items(write_sources(tmp_path))}
    one = judge(server, tmp_path, Sizes(failure), "reasoning")
    row = rows_of(one, show(items["reasoning-000"], PICTURES[0]))["reasoning-000"][0, "reasoning"]
    assert (row.fault, row.evidence["detail"]) == ("judge error: an encoder failed", str(failure))


def test_a_judge_is_known_by_its_dimensions_and_by_the_encoders_that_it_uses(
    server: FakeServer, tmp_path: Path
) -> None:
    write_sources(tmp_path)
    asked, both = (judge(server, tmp_path, Sizes(), names) for names in ("alignment", "style,alignment"))
    assert asked.identity["encoders"] == [] and both.identity["encoders"] == [{"name": "sizes"}]
    assert both.identity["dimensions"] == ["alignment", "style"]
