from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from irg.data.learning import Mode
from irg.run.model_recipe import BatchSettings, DataSettings, LossSettings


def told(kind: type, content: dict[str, Any]) -> list[str]:
    """Each fault of the content as the place of it and what is wrong."""
    with pytest.raises(ValidationError) as failure:
        kind.model_validate(content)
    return [
        f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
        for one in failure.value.errors()
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, "a dataset has either a path or scenes"),
        ({"path": "a", "scenes": "episodes"}, "a dataset has either a path or scenes"),
        ({"path": "a", "required": ["edit"]}, "required modes edit are not among the dataset's modes"),
        (
            {"path": "a", "modes": {"edit": 1.0}, "required": ["direct", "edit", "question"]},
            "required modes direct, question are not among the dataset's modes",
        ),
    ],
)
def test_a_dataset_has_one_origin_and_requires_modes_that_it_has(content: dict, fault: str) -> None:
    assert told(DataSettings, content) == [f": {fault}"]


def test_a_dataset_of_either_origin_is_one() -> None:
    stored = DataSettings(path=Path("a"), modes={Mode.EDIT: 0.5}, required=(Mode.EDIT,))
    assert stored.scenes is None and stored.weight == 1.0
    assert DataSettings.model_validate({"scenes": "episodes"}).path is None
    for right in (-0.1, 1.1):
        assert told(DataSettings, {"path": "a", "right": right})[0].startswith("right: ")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, ": batch needs either tokens or documents"),
        ({"tokens": 5, "documents": 5}, ": batch needs either tokens or documents"),
        ({"documents": 5, "fit": True}, ": batch.fit chooses among budgets of tokens: documents have none"),
        ({"tokens": 0}, "tokens: Input should be greater than or equal to 1"),
        ({"tokens": 5, "rows": 0}, "rows: Input should be greater than or equal to 1"),
        ({"tokens": 5, "accumulate": 0}, "accumulate: Input should be greater than or equal to 1"),
        ({"tokens": 5, "colour": 1}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_batch_is_measured_in_one_way(content: dict, fault: str) -> None:
    assert told(BatchSettings, content) == [fault]


def test_batches_of_either_measure_are_fine() -> None:
    assert BatchSettings(tokens=5, fit=True).documents is None
    assert BatchSettings(documents=5).tokens is None


def test_losses_have_weights_and_known_reductions() -> None:
    assert told(LossSettings, {"text_weight": -1})[0].startswith("text_weight: ")
    assert told(LossSettings, {"flow": "sum"})[0].startswith("flow: ")
