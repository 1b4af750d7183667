from typing import Any

import pytest

from irg.core import Document
from irg.data.conversation import OTHER
from tests.data.foreign.pictured import drawn, encoded, made, row

RED, GREEN, BLUE = map(encoded, ("red", "green", "blue"))


def line(**values: Any) -> str:
    (one,) = made(row(**values))
    return drawn(one)


def says(*texts: str) -> list[dict[str, str]]:
    return [
        {"from": "human" if number % 2 == 0 else "gpt", "value": text} for number, text in enumerate(texts)
    ]


def test_one_question_about_one_picture_is_a_trace() -> None:
    asked = says("<image>\nWhat is it?", "A cat.")
    assert line(image=RED, conversations=asked) == "P() I(red) Q(What is it?) A(A cat.) question"


def test_rounds_and_pictures_stay_in_their_order() -> None:
    asked = says("Compare <image> with <image>.", "One is green.", "And which?", "The second.")
    assert line(image=[RED, GREEN], conversations=asked) == (
        "P(Compare) V(red) P(with) V(green) P(.) T(One is green.)* P(And which?) T(The second.)*"
    )
    told = [{"from": "system", "value": "Be brief."}, *says("Hello", "Hi")]
    assert line(conversations=told) == "S(Be brief.) P(Hello) T(Hi)*"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"image": [RED, GREEN], "conversations": says("<image>?", "a")},
            "image without a use: image holds more",
        ),
        ({"image": [], "conversations": says("<image>?", "a")}, "missing column: image holds fewer pictures"),
        ({"image": RED, "conversations": says("<image>?")}, "nothing to learn: it has no answer"),
        (
            {"conversations": [{"from": "narrator", "value": "x"}]},
            "unknown role: conversations[0].from is 'narrator', expected one of human, user, gpt",
        ),
        (
            {"image": RED, "conversations": says("<image>?", " ")},
            "empty text: conversations[1].value is empty",
        ),
    ],
)
def test_what_a_round_lacks_is_told(values: dict[str, Any], said: str) -> None:
    assert line(**values).startswith(said)


def test_thinkmorphs_steps() -> None:
    """The picture that is given, the question, then thoughts and pictures in turn; one that is last
    is looked at by nobody."""
    values = {
        "image_list": [RED, GREEN],
        "instruction_list": ["Where?"],
        "output_text_list": ["<think>a</think><image_start>", "<image_end><answer>b</answer>"],
    }
    thought, answer = values["output_text_list"]
    given = "C(red) V(red) P(Where?)"
    assert line(**values) == f"{given} T({thought})* N(green)* C(green) V(green) T({answer})*"
    assert line(**{**values, "output_text_list": [thought]}) == f"{given} T({thought})* N(green)*"
    assert line(**{**values, "image_list": [RED]}) == f"{given} T({thought})* T({answer})*"
    two = {**values, "image_list": [RED, BLUE, GREEN], "num_input_images": 2}
    assert line(**two).startswith("C(red) V(red) C(blue) V(blue) P(Where?) T(")
    assert line(**{**values, "image_list": [RED] * 4}).startswith(
        "missing column: image_list holds 4 pictures"
    )
    assert line(**{**values, "instruction_list": []}) == "missing column: instruction_list[0] is missing"
    assert line(**{**values, "output_text_list": [" "]}) == "empty text: output_text_list[0] is empty"


def test_zebra_cots_placeholders() -> None:
    """Pictures of the question are seen, those of the trace are learned and looked at (CLEAN and VIEW)."""
    values = {
        "Question": "Which piece? <image_start>[problem_image_1]<image_end>",
        "Text Reasoning Trace": (
            "THOUGHT 0: I try one.\n<image_start>[reasoning_image_1]<image_end>\nTHOUGHT 1: It fits."
        ),
        "Final Answer": "A",
        "problem_image_1": {"bytes": RED, "path": None},
        "reasoning_image_1": {"bytes": BLUE, "path": None},
        "reasoning_image_2": None,
    }
    assert line(**values) == (
        "P(Question: Which piece?) V(red) T(<think>I try one.</think>)* N(blue)* C(blue) V(blue) "
        "T(<think>It fits.</think>)* T(<answer>Final Answer: A</answer>)*"
    )
    missing = {**values, "reasoning_image_1": None}
    assert line(**missing) == "missing column: reasoning_image_1 is missing"


def test_documents_are_of_no_learning_mode() -> None:
    (one,) = made(row(conversations=says("Hello", "Hi")))
    assert isinstance(one, Document) and one.mode == OTHER
