from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Hearing, Status, judge_name, missing_pictures
from irg.bench.store import as_line

ITEMS = [Item("1", "red", (5, 6)), Item("2", "blue", (7, 8))]


def heard(
    *rows: EvidenceRow, shown: tuple[int, ...] = (0, 1), absent: dict[int, str] | None = None
) -> Hearing:
    return Hearing("1", 1, dict.fromkeys(shown, "abc"), absent or {}, rows)


def test_a_picture_has_evidence_if_every_question_about_it_was_answered() -> None:
    rows = (
        EvidenceRow(0, "a", {"yes": 1}),
        EvidenceRow(0, "b", {"yes": 0}),
        EvidenceRow(1, "a", {}, Status.PARSE_FAILED),
    )
    hearing = heard(*rows, EvidenceRow(1, "b", {"yes": 1}))
    assert hearing.ok(0) == {"a": rows[0], "b": rows[1]} and not hearing.ok(1)
    assert hearing.failure(0) is None and hearing.failure(1) == "answer cannot be read"
    assert not hearing.is_settled and heard(*rows[:2]).is_settled
    assert (
        hearing.failure(None) == "not judged" and heard(EvidenceRow(None, "pair", {})).failure(None) is None
    )


def test_what_was_not_shown_says_why() -> None:
    hearing = heard(EvidenceRow(0, "a", {}), shown=(0,), absent={1: "picture cannot be read"})
    assert hearing.failure(1) == "picture cannot be read" and hearing.failure(2) == "no picture"
    assert not hearing.is_settled, "a picture may be drawn later"


def test_missing_pictures_are_counted_by_reason() -> None:
    hearing = heard(EvidenceRow(0, "a", {}), EvidenceRow(1, "a", {}, Status.JUDGE_ERROR))
    assert missing_pictures(ITEMS, {"1": hearing}) == {"judge error": 1, "no picture": 2}
    assert missing_pictures(ITEMS[:1], {"1": heard(EvidenceRow(0, "a", {}), EvidenceRow(1, "a", {}))}) == {}


def test_a_hearing_is_one_line() -> None:
    assert "\n" not in as_line(
        heard(EvidenceRow(0, "a", {"box": [1.5, 2.0]}), EvidenceRow(None, "b", {"text": "a\nb"}))
    )


def test_a_fault_has_its_reason() -> None:
    assert EvidenceRow(0, "a", {"reason": "budget"}, Status.JUDGE_ERROR).fault == "judge error: budget"
    assert EvidenceRow(0, "a", {}, Status.JUDGE_ERROR).fault == "judge error"
    assert EvidenceRow(0, "a", {"reason": "no fit"}, Status.PARSE_FAILED).fault == "answer cannot be read"
    assert EvidenceRow(0, "a", {"reason": "none"}).fault is None


def test_a_judge_is_called_by_its_name_or_its_parts() -> None:
    assert judge_name({"model": "gpt-4o", "temperature": 0}) == "gpt-4o"
    parts = {"detector": {"name": "Mask2Former"}, "clip": {"model": "ViT-L"}, "templates": {"a": "ff"}}
    assert judge_name(parts) == "detector Mask2Former, clip ViT-L"
