import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from irg.bench.items import Item
from irg.bench.official import official_texts
from irg.bench.protocol import EvidenceRow, Hearing, JudgeOptions, Status
from irg.bench.vlm import VlmSettings
from irg.bench.wise.answers import LEGACY as PARTS
from irg.bench.wise.benchmark import (
    OF_2025,
    OF_2026,
    WISE,
    WISE_VERIFIED,
    Protocol,
    read_verified,
    wise_items,
    wise_judge,
)
from irg.bench.wise.files import SCORES
from irg.core.picture import Picture
from irg.endpoint import Message
from irg.endpoint.requests import wire_messages
from tests.bench.cases import Cases, data_folder
from tests.bench.judging_server import options, picture, show, words
from tests.bench.wise.sources import official_script, record, write_sources
from tests.endpoint.fake_server import Behaviour, FakeServer, serving

OLD = Cases("wise_parsers.json", "messages")
NEW = Cases("wise_verified.json", "template", "messages", "retry")
PNG = picture((9, 9, 9))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(answer=lambda body: "Score: 1")) as running:
        yield running


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def messages(protocol: Protocol, item: Item) -> list[dict[str, Any]]:
    """What the official texts make of an item, with the three letters in the place of a picture."""
    texts = official_texts(official_script(protocol), protocol.templates)
    asked = texts["user"].fill({"Prompt": item.prompt, "Explanation": item.facts["explanation"]})
    sent = wire_messages(
        (Message("system", (texts["system"].fill({}),), in_parts=True), Message("user", (asked, PNG)))
    )
    sent[1]["content"][1]["image_url"]["url"] = "data:image/png;base64,QUJD"
    return sent


def hashed(sent: list[dict[str, Any]]) -> str:
    return sha256(json.dumps(sent, ensure_ascii=False, sort_keys=True))


def test_requests_of_2025_are_the_official_ones() -> None:
    paths = sorted(data_folder("wise").glob("*.json"))
    if not paths:
        pytest.skip("there are no prompts of WISE beside the cases")
    records = [(one, path.name) for path in paths for one in json.loads(path.read_text(encoding="utf-8"))]
    items = {item.id: item for item in wise_items(records, "wise", OF_2025.edition)}
    assert len(items) == 1000
    for case in OLD["messages"]:
        sent = messages(OF_2025, items[str(case["prompt_id"])])
        assert len(sent[1]["content"][0]["text"]) == case["len_user_text"]
        assert hashed(sent) == case["legacy"] == case["bagel"]


def test_requests_of_2026_are_the_official_ones() -> None:
    case = NEW["template"]
    sent = messages(OF_2026, Item("1", "P", (0,), {"explanation": "E"}))
    assert [message["role"] for message in sent] == case["roles"]
    assert [[part["type"] for part in message["content"]] for message in sent] == case["content_types"]
    system, user = (message["content"][0]["text"] for message in sent)
    assert (len(system), sha256(system)) == (case["len_system_text"], case["sha256_system_text"])
    assert (len(user), len(user.encode())) == (case["len_user_text"], case["bytes_user_text"])
    assert sha256(user) == case["sha256_user_text"]
    assert sent[1]["content"][1]["image_url"] == case["image_url_with_base64_QUJD"]
    assert hashed(sent) == case["sha256_messages"]


def test_requests_for_the_prompts_of_2026_are_the_official_ones() -> None:
    script = official_script(OF_2026)
    place = script.parent
    if not all((place / path).is_file() for path in OF_2026.prompts):
        pytest.skip(f"{place} holds no prompts of 2026")
    items = {item.id: item for item in OF_2026.items(place)}
    for case in NEW["messages"]:
        sent = messages(OF_2026, items[str(case["prompt_id"])])
        assert sha256(sent[1]["content"][0]["text"]) == case["sha256_user_text"]
        assert hashed(sent) == case["sha256"]


def test_a_request_has_the_official_fields_and_no_others(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "K")
    write_sources(tmp_path / "sources", OF_2026, range(1, 2))
    given = options(server, tmp_path, model="M", key_env="JUDGE_KEY", modified_templates="true")
    with WISE_VERIFIED.judge(given) as judge:
        list(judge.hear([show(WISE_VERIFIED.items(tmp_path / "sources")[0], PNG)]))
    (seen,) = server.requests
    official = NEW["template"]["request"]
    assert seen.path == "/" + official["url"].split("/", 3)[3]
    assert {name: value for name, value in seen.body.items() if name != "messages"} == official[
        "payload_without_messages"
    ]
    assert VlmSettings(**OF_2026.judge).timeout == official["timeout"]
    assert seen.headers["authorization"] == official["headers_with_key"]["Authorization"]
    assert "Authorization" not in official["headers_without_key"]
    assert seen.body["messages"][0] == {"role": "system", "content": [{"type": "text", "text": "You judge."}]}
    assert words(seen.body) == 'Is it "p1", that is "e1"?'


def test_without_a_key_no_key_is_sent(server: FakeServer, tmp_path: Path) -> None:
    write_sources(tmp_path / "sources", OF_2026, range(1, 2))
    with WISE_VERIFIED.judge(options(server, tmp_path, modified_templates="true")) as judge:
        list(judge.hear([show(Item("1", "p", (0,), {"explanation": "e"}), PNG)]))
    assert "authorization" not in server.requests[0].headers


def test_attempts_are_as_in_the_official_code(tmp_path: Path) -> None:
    for number, case in enumerate(NEW["retry"]):
        answers = iter(case["answers"])

        def status(body: Any, answers: Iterator[Any] = answers) -> tuple[int, dict[str, Any]]:
            answer = next(answers)
            if isinstance(answer, dict):
                return answer.get("http", 200), answer.get("raw", {"error": {"message": "no"}})
            message = {"role": "assistant", "content": answer}
            return 200, {"choices": [{"message": message, "finish_reason": "stop"}], "model": "m"}

        with serving(Behaviour(status=status)) as server:
            place = tmp_path / str(number)
            write_sources(place / "sources", OF_2026, range(1, 2))
            given = options(server, place, modified_templates="true", attempts="1")
            with WISE_VERIFIED.judge(given) as judge:
                ((_, (row,)),) = judge.hear([show(Item("1", "p", (0,), {"explanation": "e"}), PNG)])
            assert server.num_requests == case["calls"], case
        assert (row.status is Status.OK) == (case["status"] == "ok"), case
        if row.status is Status.OK:
            assert row.evidence["score"] == case["score"]["score"]
            assert row.evidence["answer"] == case["evaluation"]


@pytest.mark.parametrize("protocol", [OF_2025, OF_2026], ids=lambda one: one.name)
def test_items_are_in_the_order_of_their_ids_with_seeds_of_their_own(
    protocol: Protocol, tmp_path: Path
) -> None:
    items = protocol.items(write_sources(tmp_path, protocol))
    assert [item.id for item in items] == [str(number) for number in range(1, 1001)]
    assert len({item.seeds for item in items}) == 1000
    assert {item.facts["category"] for item in items} == set(protocol.edition.weights)
    assert items[-1].facts["explanation"] == "e1000"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"prompt_id": "5"}, "x: expected a record with Prompt, Explanation"),
        ({"prompt_id": 1001}, "x: prompt_id 1001, expected 1 to 1000"),
        ({"Prompt": "other"}, "x: prompt_id 5 is another prompt's already"),
    ],
)
def test_records_that_are_none_are_told(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        wise_items([(record(5), "x"), (record(5) | changed, "x")], "wise", OF_2025.edition)


def test_templates_other_than_the_official_ones_are_refused_unless_that_is_said(
    server: FakeServer, tmp_path: Path
) -> None:
    write_sources(tmp_path / "sources", OF_2025, range(1, 2))
    with ExitStack() as stack, pytest.raises(ValueError, match="holds no system text of the known hash"):
        stack.enter_context(WISE.judge(options(server, tmp_path)))
    with WISE.judge(options(server, tmp_path, modified_templates="true")) as judge:
        assert judge.identity["templates"]["system"] == sha256("You judge.")


def test_a_revision_of_the_judge_is_part_of_what_answers_are_known_by(
    server: FakeServer, tmp_path: Path
) -> None:
    write_sources(tmp_path / "sources", OF_2026, range(1, 2))
    for revision in ("a", "a", "b"):
        given = options(server, tmp_path, modified_templates="true", revision=revision)
        with WISE_VERIFIED.judge(given) as judge:
            list(judge.hear([show(Item("1", "p", (0,), {"explanation": "e"}), PNG)]))
            assert judge.identity["revision"] == revision
    assert server.num_requests == 2


ITEMS = wise_items([(record(number), "") for number in range(1, 1001)], "wise", OF_2025.edition)


def heard(item: Item, evidence: dict[str, Any] | None) -> Hearing:
    row = EvidenceRow(0, SCORES, evidence or {}, Status.OK if evidence else Status.PARSE_FAILED)
    return Hearing(item.id, 1, {0: "sha"}, {}, (row,))


def scored(consistency: int) -> dict[str, Any]:
    answer = f"Consistency: {consistency}\nRealism: 1\nAesthetic Quality: 0"
    return dict(zip(PARTS, (consistency, 1.0, 0.0), strict=True)) | {"answer": answer}


def test_variants_of_2025_differ_in_their_weights_alone() -> None:
    right = {item.id: heard(item, scored(2 if item.facts["category"] == "culture" else 0)) for item in ITEMS}
    weighted, plain = (summarise(ITEMS, right) for summarise in WISE.summaries.values())
    assert (weighted.variant, plain.variant) == ("legacy-weighted", "legacy-plain-mean")
    assert weighted.headline.value == pytest.approx(0.4 * 0.8 + 0.6 * 0.1)
    assert plain.headline.value == pytest.approx((0.8 + 5 * 0.1) / 6)
    assert weighted.is_complete and weighted.headline.counted == weighted.headline.expected == 1000
    assert [figure.name for figure in weighted.figures] == list(OF_2025.edition.weights)


def test_what_is_missing_is_no_zero_and_is_told() -> None:
    some = {item.id: heard(item, scored(2) if int(item.id) % 2 else None) for item in ITEMS[:-1]}
    found = WISE.summaries["legacy-weighted"](ITEMS, some)
    assert found.missing == {"answer cannot be read": 499, "no picture": 1}
    assert (found.headline.counted, found.headline.expected) == (500, 1000)
    assert found.headline.value == pytest.approx(0.8)
    nothing = WISE.summaries["legacy-weighted"](ITEMS, {})
    assert nothing.headline.value is None and nothing.missing == {"no picture": 1000}


def test_an_answer_that_bagel_s_script_does_not_read_is_missing_there() -> None:
    bare = scored(2) | {"answer": "2\n1\n0"}
    found = {name: one(ITEMS[:1], {"1": heard(ITEMS[0], bare)}) for name, one in WISE.summaries.items()}
    assert found["legacy-weighted"].missing == {}
    assert found["legacy-plain-mean"].missing == {"answer is not read by this variant": 1}


def test_scores_of_2026_are_right_or_wrong() -> None:
    items = wise_items([(record(number), "") for number in range(1, 1001)], "w", OF_2026.edition)
    right = {item.id: heard(item, read_verified("Score: 1") | {"answer": "Score: 1"}) for item in items}
    found = WISE_VERIFIED.summaries["verified"](items, right)
    assert found.headline.value == pytest.approx(1)
    assert all(sample.right for sample in found.samples)


def test_a_picture_goes_to_the_judge_as_it_is(server: FakeServer, tmp_path: Path) -> None:
    settings = VlmSettings(**{**OF_2026.judge, "base_url": server.url})
    script = write_sources(tmp_path, OF_2026, range(1, 2)) / OF_2026.script
    texts = official_texts(script, OF_2026.templates, modified=True)
    judge = wise_judge(OF_2026, settings, texts, JudgeOptions(tmp_path, tmp_path / "kept"))
    (question,) = judge.questions(show(Item("1", "p", (0,), {"explanation": "e"}), PNG))
    _, user = question.request(0).messages
    assert isinstance(user.parts[1], Picture) and user.parts[1].data is PNG.data
