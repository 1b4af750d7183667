import hashlib

import pytest

from irg.bench.tiif.answers import PLACE, agree, fill, read_answers
from irg.endpoint.structured import UnfitAnswerError
from tests.bench.cases import Cases

CASES = Cases("tiif_parsers.json", "yes_no", "prompts")


def test_answers_are_read_as_the_official_code_reads_them() -> None:
    for case in CASES["yes_no"]:
        if isinstance(case["result"], list):
            assert read_answers(case["output"], case["n_questions"]) == case["result"], case
        else:
            with pytest.raises(UnfitAnswerError, match=f"expected {case['n_questions']}"):
                read_answers(case["output"], case["n_questions"])


def test_a_template_filled_with_questions_is_the_official_prompt() -> None:
    for case in CASES["prompts"]:
        questions = "\n".join(question.strip() for question in case["questions"])
        template = case["text"].replace(questions, PLACE)
        assert PLACE in template
        text = fill(template, case["questions"])
        assert hashlib.sha256(text.encode()).hexdigest() == case["sha256"]


def test_answers_agree_whatever_their_case() -> None:
    assert agree("Yes", "yes ")
    assert not agree("no", "yes")
