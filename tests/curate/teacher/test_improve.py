import asyncio

import pytest

from irg.curate.records import TraceRecord
from irg.curate.teacher import EndpointImprove, Improvement
from irg.stages.stage import run_endpoint
from tests.curate.teacher.conftest import MakeTeacher
from tests.curate.teacher.eyes import BRIGHT, DARK, picture, record
from tests.endpoint.fake_server import FakeServer


def through(stage: EndpointImprove, *records: TraceRecord) -> list[TraceRecord]:
    return asyncio.run(run_endpoint(stage, records))


def test_a_better_picture_is_drawn_from_the_prompt(make: MakeTeacher, server: FakeServer) -> None:
    stage = EndpointImprove(make(prices={"wise": {"image": 0.04}}), size=(256, 192))
    first, second = through(stage, record(0), record(1, "another thing"))
    assert first.image2 is not None and second.image2 is not None
    assert first.image2.open().size == (32, 32) and first.image2.digest != second.image2.digest
    assert first.cost.money == pytest.approx(0.04) and first.notes["image 2"] == "endpoint"
    body = next(seen.body for seen in server.requests if seen.body["prompt"] == "a bright thing")
    assert body["size"] == "256x192"
    assert stage.estimate(2).money == pytest.approx(0.08) and stage.estimate(2).images == 2


def test_a_first_picture_is_repainted(make: MakeTeacher, server: FakeServer) -> None:
    stage = EndpointImprove(make(), how=Improvement.EDIT)
    dark, bright = (record(number, image1=picture(colour)) for number, colour in enumerate((DARK, BRIGHT)))
    through(stage, dark, bright)
    forms = [seen.body["form"] for seen in server.requests]
    assert {seen.path for seen in server.requests} == {"/v1/images/edits"}
    assert all(b"exactly this: a bright thing" in form for form in forms)
    assert sum(dark.image1 is not None and dark.image1.data in form for form in forms) == 1
