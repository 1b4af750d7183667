from hashlib import sha256
from pathlib import Path

import pytest

from irg.bench.official import OfficialPlace, OfficialText, Wanted, official_texts

SOURCE = '''
"""What the file is."""
import nowhere


def messages(record, image):
    return [
        {"role": "system", "text": "Be strict."},
        {"role": "user", "text": f"""Look at {record['Prompt']!s} and "{record['Explanation']}".{image}"""},
    ]


class Judge:
    def __init__(self):
        self.READ = (
            "Read it, "
            "all of it."
        )
'''
KNOWN = 'Look at P and "E".I'
ASKED = Wanted("question", sha256(KNOWN.encode()).hexdigest(), lambda text: "Prompt" in text.places)
TOLD = Wanted("task", sha256(b"Be strict.").hexdigest(), lambda text: text.near == "text" and not text.places)
READ = Wanted("order to read", sha256(b"Read it, all of it.").hexdigest(), lambda text: text.near == "READ")


def file(folder: Path, source: str = SOURCE) -> Path:
    path = folder / "judge.py"
    path.write_text(source)
    return path


def test_texts_are_found_by_their_hash_and_filled(tmp_path: Path) -> None:
    found = official_texts(file(tmp_path), {"asked": ASKED, "told": TOLD, "read": READ})
    assert found["asked"].fill({"Prompt": "{a}", "Explanation": "b", "image": ""}) == 'Look at {a} and "b".'
    assert found["asked"].places == {"Prompt", "Explanation", "image"}
    assert found["told"] == OfficialText(("Be strict.",), "text")
    assert found["read"] == OfficialText(("Read it, all of it.",), "READ")


def test_a_changed_text_is_taken_only_where_that_is_said(tmp_path: Path) -> None:
    path = file(tmp_path, SOURCE.replace("Look at", "Glance at"))
    with pytest.raises(
        ValueError, match=rf"judge\.py holds no question of the known hash {ASKED.sha256[:16]}"
    ):
        official_texts(path, {"asked": ASKED})
    found = official_texts(path, {"asked": ASKED, "told": TOLD}, modified=True)
    assert found["asked"].pieces[:2] == ("Glance at ", OfficialPlace("Prompt"))
    assert found["asked"].sha256 != ASKED.sha256
    assert found["told"].sha256 == TOLD.sha256


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the official file is not there"):
        official_texts(tmp_path / "gone.py", {"asked": ASKED})
    with pytest.raises(ValueError, match="cannot be read as Python"):
        official_texts(file(tmp_path, "def"), {"asked": ASKED})
    with pytest.raises(ValueError, match="holds no question"):
        official_texts(file(tmp_path, "nothing = 1"), {"asked": ASKED}, modified=True)
