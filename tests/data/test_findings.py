import json
from collections.abc import Callable
from pathlib import Path

import pytest

from irg.data.findings import Findings, recall, remember
from irg.data.source import Fault, RowError

KEY = {"source": "store", "rows": 3}


def found(reason: Fault = Fault.BAD_JSON) -> Findings:
    findings = Findings(elsewhere=2)
    for lengths in ([7], [], [3, 4]):
        findings.add(lengths)
    findings.errors[1] = RowError("file \u201cx\u201d", 1, reason, "is broken")
    return findings


def facts(findings: Findings | None) -> tuple:
    assert findings is not None
    errors = {index: (type(error), str(error)) for index, error in findings.errors.items()}
    return findings.tokens, findings.counts, errors, findings.elsewhere


def test_rows_are_added_in_order() -> None:
    assert (found().tokens, found().counts) == ([7, 3, 4], [1, 0, 2])


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    remember(tmp_path / "new", KEY, found())
    assert facts(recall(tmp_path / "new", KEY)) == facts(found())
    assert facts(recall(tmp_path / "new", dict(reversed(KEY.items())))) == facts(found())


def test_for_another_key_nothing_is_known(tmp_path: Path) -> None:
    remember(tmp_path, KEY, found())
    assert recall(tmp_path, KEY | {"rows": 4}) is None
    assert recall(tmp_path / "nowhere", KEY) is None
    remember(tmp_path, KEY | {"rows": 4}, Findings([1], [1]))
    assert facts(recall(tmp_path, KEY)) == facts(found()), "each key has a file of its own"


@pytest.mark.parametrize("with_folder", [True, False])
def test_without_a_folder_or_a_key_nothing_is_kept(tmp_path: Path, with_folder: bool) -> None:
    folder, key = (tmp_path, None) if with_folder else (None, KEY)
    remember(folder, key, found())
    assert recall(folder, key) is None and not list(tmp_path.iterdir())


def test_nothing_is_kept_of_a_file_that_may_be_readable_the_next_time(tmp_path: Path) -> None:
    remember(tmp_path / "new", KEY, found(Fault.UNREADABLE))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace("bad JSON", "bad luck"),
        lambda text: text.replace('"counts"', '"count"'),
        lambda text: json.dumps([json.loads(text)]),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[str], str]) -> None:
    remember(tmp_path, KEY, found())
    (path,) = tmp_path.iterdir()
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=rf"{path.name} is not a survey that can be read \(.+\): delete it"):
        recall(tmp_path, KEY)
