"""Every shipped plan with scripted texts: its sequence line for line, and the traps between relatives."""

import pytest

from irg.core.shipped import PLAN, shipped
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.walk import walked

DRAW, ANSWER = "<think>a</think><image_start>", "<image_end><think>b</think><answer>4</answer>"


def controller(score: int, action: str, edit: str, number: int = 1, thinking: str = "the star is red") -> str:
    return (
        f"<think>\n[CURRENT_ROUND] Round#{number}\n[SCORE] {score}/10\n[ACTION] {action}\n"
        f"[THINKING] {thinking}\n[SOURCE_IMAGE] Image #{number}\n</think>\n[EDIT] {edit}"
    )


SEQUENCES: dict[str, tuple[list[str], list[str]]] = {
    "bagel-t2i": ([], ["draw I < P | text: nothing | image: =", "finished"]),
    "bagel-geneval": ([], ["draw I < P | text: nothing | image: none", "finished"]),
    "bagel-think": (
        ["t"],
        ["write T < S P", "draw I < S P T | text: S | image: S P", "finished"],
    ),
    "bagel-edit": (
        [],
        ["draw I < CLEAN(input) VIEW(input) P | text: CLEAN(input) VIEW(input) | image: P", "finished"],
    ),
    "bagel-edit-think": (
        ["t"],
        [
            "write T < S CLEAN(input) VIEW(input) P",
            "draw I < S CLEAN(input) VIEW(input) P T | text: S CLEAN(input) VIEW(input) | image: S P",
            "finished",
        ],
    ),
    "bagel-understand": (["a"], ["write A < VIEW(input) P", "finished"]),
    "bagel-understand-think": (["<think>t</think>a"], ["write A < S VIEW(input) P", "finished"]),
    "irg": (
        ["t", "r"],
        [
            "write T < S P",
            "draw I < S P T | text: S | image: none",
            "write R1 < S P T CLEAN(I) VIEW(I)",
            "draw J1 < S P T CLEAN(I) VIEW(I) R1 | text: S P T CLEAN(I) VIEW(I) | image: S P T R1",
            "finished",
        ],
    ),
    "embedded": (
        ["t", "The star is red: make it green."],
        [
            "write T < S P",
            "draw I < S P T | text: S | image: none",
            "write R1 < S P T CLEAN(I) VIEW(I)",
            "draw J1 < S P T CLEAN(I) VIEW(I) R1 | text: S P T CLEAN(I) VIEW(I) | image: S P T R1",
            "finished",
        ],
    ),
    "thinkmorph": (
        [DRAW, DRAW, ANSWER],
        [
            "write T1 < S CLEAN(input) VIEW(input) P",
            "draw I1 < S CLEAN(input) VIEW(input) P T1 | text: S CLEAN(input) VIEW(input) | image: S P",
            "write T2 < S CLEAN(input) VIEW(input) P T1 CLEAN(I1) VIEW(I1)",
            "draw I2 < S CLEAN(input) VIEW(input) P T1 CLEAN(I1) VIEW(I1) T2 | "
            "text: S CLEAN(input) VIEW(input) | image: S P",
            "write T3 < S CLEAN(input) VIEW(input) P T1 CLEAN(I1) VIEW(I1) T2 CLEAN(I2) VIEW(I2)",
            "stopped",
        ],
    ),
    "vbvr-thinkmorph": (
        [DRAW, DRAW, ANSWER],
        [
            "write T < S CLEAN(input) VIEW(input) P",
            "draw I < S CLEAN(input) VIEW(input) P T | text: S CLEAN(input) VIEW(input) | image: S P T",
            "write U1 < S CLEAN(input) VIEW(input) P T CLEAN(I) VIEW(I)",
            "draw J1 < S CLEAN(input) VIEW(input) P T CLEAN(I) VIEW(I) U1 | "
            "text: S CLEAN(input) VIEW(input) P T CLEAN(I) VIEW(I) | image: S P T U1",
            "write U2 < S CLEAN(input) VIEW(input) P T CLEAN(I) VIEW(I) U1 CLEAN(J1) VIEW(J1)",
            "stopped",
        ],
    ),
    "vbvr-bagel": (
        [],
        ["draw I < P CLEAN(input) VIEW(input) | text: = | image: P", "finished"],
    ),
    "uni-cot": (
        ["t", "e", "<sugg>more</sugg>", "h", "e", *["Everything is good"] * 3],
        [
            "write T < S P P",
            "draw I < S P T | text: nothing, after S | image: none",
            "write E1 < S P T VIEW(I)",
            "write R1 < S P T VIEW(I) E1",
            "write H1 < S P T VIEW(I) E1 say",
            "draw I1 < S P T CLEAN(I) VIEW(I) H1 | text: S P T CLEAN(I) VIEW(I) | image: S P T H1",
            "write E2 < S P T VIEW(I1)",
            "write R2 < S P T VIEW(I1) E2",
            "write R2 < S P T VIEW(I1) E2",
            "write R2 < S P T VIEW(I1) E2",
            "stopped",
        ],
    ),
    "zebra-cot": (
        ["t", "u", "Final Answer: 4"],
        [
            "write T1 < S P VIEW(input)",
            "draw I1 < S P CLEAN(input) VIEW(input) T1 | text: S P CLEAN(input) VIEW(input) | image: S P T1",
            "write T2 < S P VIEW(input) T1 VIEW(I1)",
            "draw I2 < S P CLEAN(input) VIEW(input) T1 CLEAN(I1) VIEW(I1) T2 | "
            "text: S P CLEAN(input) VIEW(input) T1 CLEAN(I1) VIEW(I1) | image: S P T1 T2",
            "write T3 < S P VIEW(input) T1 VIEW(I1) T2 VIEW(I2)",
            "stopped",
        ],
    ),
    "umm-reflection": (
        [controller(3, "edit", "make the star green"), controller(10, "done", "None", 2)],
        [
            "draw I0 < P | text: nothing | image: =",
            "write C1 < S P CLEAN(I0) VIEW(I0)",
            "draw I1 < CLEAN(I0) VIEW(I0) C1 | text: CLEAN(I0) VIEW(I0) | image: C1",
            "write C2 < S P CLEAN(I0) VIEW(I0) C1:canonical CLEAN(I1) VIEW(I1)",
            "stopped",
        ],
    ),
    "r3": (
        ["t", "<think>a</think>make it green", "<think>a</think>No further edit needed."],
        [
            "write T < S.draw P",
            "draw I < S.draw P T | text: S.draw | image: S.draw P",
            "write E1 < S.look VIEW(I) say",
            "draw I1 < CLEAN(I) VIEW(I) E1 | text: CLEAN(I) VIEW(I) | image: E1",
            "write E2 < S.look VIEW(I1) say",
            "stopped",
        ],
    ),
}


def plan(name: str) -> StepPlan:
    return read_plan(name)


def images(lines: list[str]) -> int:
    return sum(line.startswith("draw") for line in lines)


@pytest.mark.parametrize("name", shipped(PLAN))
def test_a_shipped_plan_gives_its_sequence(name: str) -> None:
    texts, expected = SEQUENCES[name]
    got = walked(plan(name), texts)
    if name == "umm-reflection":  # its text is what the template makes of it: the same here
        expected = [line.replace(":canonical", "") for line in expected]
        got = [line.replace(":canonical", "") for line in got]
    assert got == expected


@pytest.mark.parametrize(
    ("texts", "pictures", "ending"),
    [([DRAW] * 3, 3, "finished"), ([ANSWER], 0, "stopped"), (["no tag at all"], 0, "stopped")],
)
def test_thinkmorph_draws_while_it_asks_to(texts: list[str], pictures: int, ending: str) -> None:
    lines = walked(plan("thinkmorph"), texts)
    assert (images(lines), lines[-1]) == (pictures, ending)


def test_a_closing_text_is_written_after_the_last_picture_if_asked_for() -> None:
    lines = walked(plan("thinkmorph").changed(closing_write=True), [DRAW] * 3 + [ANSWER])
    assert lines[-2].startswith("write T4 < ") and lines[-2].endswith("CLEAN(I3) VIEW(I3)")
    assert lines[-1] == "stopped"
    cut = walked(plan("thinkmorph").changed(closing_write=True), [DRAW] * 4)
    assert images(cut) == 3 and cut[-1] == "finished"


def test_vbvr_begins_anew_where_no_picture_came_up_to_three_times() -> None:
    start = "write T < S CLEAN(input) VIEW(input) P"
    assert walked(plan("vbvr-thinkmorph"), ["a", "b", "c", "d"]) == [start] * 3 + ["stopped"]
    lines = walked(plan("vbvr-thinkmorph"), ["a", DRAW, ANSWER])
    assert lines[:2] == [start] * 2 and images(lines) == 1 and lines[-1] == "stopped"


def test_uni_cot_stops_only_if_all_verdicts_say_so() -> None:
    good = "No editing is needed"
    lines = walked(plan("uni-cot"), ["t", "e", good, good, "<sugg>edit</sugg>", "h"])
    assert [line.split()[1] for line in lines] == [
        "T",
        "I",
        "E1",
        "R1",
        "R1",
        "R1",
        "H1",
        "I1",
        "E2",
        "waits",
    ]
    assert walked(plan("uni-cot"), ["t", "e", good, good, good])[-1] == "stopped"
    assert images(walked(plan("uni-cot"), ["t", *["e", "nonsense", "h"] * 20])) == 21


BETTER = "Better: A large red star left, on cream."
UMM = controller(3, "edit", "make it green")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        (UMM.replace("</think>", ""), "malformed"),
        (UMM.replace("[ACTION] edit", "[ACTION] edit\n[ACTION] done"), "malformed"),
        (controller(3, "edit", "None"), "stopped"),
        (controller(3, "edit", ""), "stopped"),
        (controller(3, "edit", "n/a"), "stopped"),
        (controller(9, "done", "make it green"), "malformed"),
        (controller(9, "done", "None"), "stopped"),
        (controller(3, "edit", "make it green", thinking=""), "malformed"),
        (controller(3, "paint", "make it green"), "malformed"),
        (UMM.replace("<think>\n", "", 1), "malformed"),
        (UMM.replace("3/10", "3/5"), "malformed"),
        (f"{UMM}\n<think>", "malformed"),
    ],
)
def test_a_controller_that_is_done_or_not_in_order_keeps_the_picture(text: str, ending: str) -> None:
    lines = walked(plan("umm-reflection"), [text])
    assert lines[-1] == ending and images(lines) == 1


def test_the_third_repair_is_not_judged() -> None:
    lines = walked(plan("umm-reflection"), [UMM] * 3)
    assert images(lines) == 4 and lines[-1] == "finished"


@pytest.mark.parametrize(
    "text", ["no end of thinking", "<think>a</think>No further edit needed", "</think>no FURTHER edit needed"]
)
def test_r3_stops_by_its_words_and_by_a_text_without_them(text: str) -> None:
    assert images(walked(plan("r3"), ["t", text])) == 1


def test_what_is_thought_of_no_further_edits_does_not_stop_r3() -> None:
    thought = "<think>is no further edit needed? one is</think>make it green"
    assert images(walked(plan("r3"), ["t", thought])) == 2


def test_zebra_draws_after_every_text_without_an_answer_and_has_a_limit() -> None:
    assert images(walked(plan("zebra-cot"), ["t"] * 8)) == 8
    assert walked(plan("zebra-cot"), ["<answer>"], inputs=0) == ["write T1 < S P", "stopped"]


def test_several_pictures_are_read_in_their_order() -> None:
    (line, _) = walked(plan("bagel-understand"), ["a"], inputs=2)
    assert line == "write A < VIEW(input1) VIEW(input2) P"


@pytest.mark.parametrize(
    ("text", "world", "ending"),
    [
        (
            "Nothing is wrong: keep it and sharpen it. Better: A large red star left, on cream.",
            "scenes",
            "stopped",
        ),
        ("Make it better, please.", "scenes", "stopped"),
        (
            "The background is mint: make it rose. Better: A large red star left, on rose.",
            "scenes",
            "finished",
        ),
        ("I think that nothing is wrong with it.", None, "stopped"),
        (" ", None, "stopped"),
        ("Make it better, please.", None, "finished"),
    ],
)
def test_a_reflection_that_finds_nothing_or_cannot_be_read_stops(
    text: str, world: str | None, ending: str
) -> None:
    lines = walked(plan("embedded"), ["t", text], world=world)
    assert lines[-1] == ending and images(lines) == 1 + (ending == "finished")
    never = walked(plan("embedded").changed(stop_when_right=False), ["t", text], world=world)
    assert images(never) == 2


def test_turns_are_pictures_and_everything_earlier_stays() -> None:
    lines = walked(plan("irg").with_turns(3), ["t", "a", "b"])
    assert lines[-3:] == [
        "write R2 < S P T CLEAN(I) VIEW(I) R1 CLEAN(J1) VIEW(J1)",
        "draw J2 < S P T CLEAN(I) VIEW(I) R1 CLEAN(J1) VIEW(J1) R2 | "
        "text: S P T CLEAN(I) VIEW(I) R1 CLEAN(J1) VIEW(J1) | image: S P T R1 R2",
        "finished",
    ]


def test_a_script_that_is_too_short_is_told() -> None:
    assert walked(plan("irg"), [])[-1] == "... waits for a text"
