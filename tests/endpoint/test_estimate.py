import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.endpoint import (
    Call,
    Estimate,
    Message,
    Price,
    estimate,
    spent,
)
from irg.endpoint.estimate import input_bound
from tests.endpoint.conftest import Make, ask, run
from tests.endpoint.fake_server import Behaviour, FakeServer


def test_the_bound_counts_every_byte_and_picture(make: Make) -> None:
    picture = Picture.of(Image.new("RGB", (2, 2)))
    settings = make(image_tokens=1000).settings
    messages = (Message("system", ("\u00e4\u00f6\u00fc",)), Message("user", ("abc", picture)))
    assert input_bound(messages, None, settings) == 6 + 3 + 2 * 16 + 1000
    assert input_bound(messages, {"a": 1}, settings) == 6 + 3 + 2 * 16 + 1000 + 8


def test_an_estimate_multiplies_and_adds(make: Make) -> None:
    prices = {"judge": Price(input=1.0, output=10.0, image=0.04)}
    settings = make(prices=prices, image_tokens=1000).settings
    talk = Call(count=100, input_bytes=400, pictures=1, typical_tokens=50, max_tokens=200)
    draw = Call(count=10, images=1)
    total = estimate(settings, [talk, draw])
    assert (total.requests, total.tokens_in, total.tokens_out, total.images) == (110, 110_000, 5_000, 10)
    assert total.money == pytest.approx(110_000 / 1e6 + 5_000 * 10 / 1e6 + 10 * 0.04)
    assert total.most_requests == 210 and total.most_money > total.money
    assert total == estimate(settings, [talk]) + estimate(settings, [draw])
    assert estimate(settings, []) == Estimate()


def test_no_run_costs_more_than_the_most(make: Make, server: FakeServer) -> None:
    """Even where every answer is as long as it may be, and of no use before the second."""
    server.behaviour = Behaviour(answer=lambda body: "x" * 160, usage=False)
    endpoint = make(prices={"judge": {"input": 1.0, "output": 10.0}})
    words = "a question"
    run(endpoint.complete(ask(words, max_tokens=40)))
    call = Call(count=1, input_bytes=len(words), typical_tokens=40, max_tokens=40)
    assert spent(endpoint.account)[0].money <= estimate(endpoint.settings, [call]).most_money
