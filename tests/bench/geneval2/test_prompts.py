from pathlib import Path
from typing import Any

import pytest

from irg.bench.geneval2.prompts import question_of, read_prompts
from tests.bench.geneval2.samples import PROMPTS, items, write_prompts


def test_each_line_is_an_item_with_its_questions(tmp_path: Path) -> None:
    first, second = items(tmp_path)
    assert (first.id, second.id) == ("0000", "0001") and first.seeds != second.seeds
    assert first.facts["questions"] == PROMPTS[0]["vqa_list"] and second.facts["atoms"] == 4
    assert question_of(first, 1) == "01 Are the cups red?"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"prompt": 1}, "expected a prompt with its questions"),
        ({"vqa_list": []}, "expected lists of questions"),
        ({"skills": ["count"]}, "1 skills of 3 questions: expected one for each"),
        ({"skills": ["count", "smell", "object"]}, "skill 'smell': expected one of object"),
        ({"vqa_list": [["a", "b"], ["c"], ["d", "e"]]}, r"\['c'\]: expected a question and its answer"),
        ({"atom_count": 11}, "atom_count 11: expected 3 to 10"),
    ],
)
def test_what_is_no_prompt_is_told_by_its_line(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    path = write_prompts(tmp_path, [PROMPTS[1], {**PROMPTS[0], **change}])
    with pytest.raises(ValueError, match=rf"geneval2_data\.jsonl, line 2: {expected}"):
        read_prompts(path)
