import base64
import json

import pytest

from irg.bench.oneig.judge import Failed
from irg.bench.oneig.remote import RemoteEncoders
from tests.bench.oneig.scorer_process import ABOUT, running


def test_a_process_says_who_it_is_and_answers() -> None:
    with running() as process:
        encoders = RemoteEncoders(process.url + "/")
        assert encoders.identity == ABOUT["identity"]
        assert encoders.dimensions == {"style", "reasoning", "diversity"}
        assert encoders.style(b"abc", "cubism")["se"] == [0.5, 0.25, 0.1]
        assert encoders.reasoning(b"abc", "rain") == 3 / 97
        assert encoders.diversity(b"abc", b"abcde") == pytest.approx(2 / 97)
        pictures = [base64.b64encode(one).decode() for one in (b"abc", b"abcde")]
        assert process.asked[0] == ("/style", {"pictures": pictures[:1], "style": "cubism"})
        assert process.asked[1] == ("/reasoning", {"pictures": pictures[:1], "text": "rain"})
        assert process.asked[2] == ("/diversity", {"pictures": pictures})


@pytest.mark.parametrize(
    ("instead", "problem"),
    [
        ((500, b"out of memory"), "status 500: out of memory"),
        ((200, b"{"), "not valid JSON"),
        ((200, b"[]"), "list, expected a JSON object"),
        ((200, json.dumps({"values": [1]}).encode()), "an answer without a value: {'values'"),
        ((200, b'{"value": "much"}'), "'much' is no"),
        ((200, b'{"value": NaN}'), "it holds NaN"),
        ((200, b'{"value": {"csd": []}}'), "is no n"),
    ],
)
def test_what_is_no_answer_is_told(instead: tuple[int, bytes], problem: str) -> None:
    with running() as process:
        encoders = RemoteEncoders(process.url)
        process.instead = instead
        with pytest.raises(Failed, match=problem):
            encoders.reasoning(b"abc", "rain")
        with pytest.raises(Failed, match=problem):
            encoders.style(b"abc", "cubism")


def test_an_address_without_a_process_is_told_at_once() -> None:
    with running() as process:
        url = process.url
    with pytest.raises(ValueError, match=f"encoders={url}: no scorer answers"):
        RemoteEncoders(url)
    with pytest.raises(ValueError, match=r"encoders=localhost:1: .*expected an address such as"):
        RemoteEncoders("localhost:1")
    with (
        running({"models": []}) as other,
        pytest.raises(ValueError, match="it says no identity and dimensions"),
    ):
        RemoteEncoders(other.url)
