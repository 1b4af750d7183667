import pytest

from irg.scorers.geneval.asked import NAMES, check_facts


def test_the_names_are_cocos() -> None:
    assert len(NAMES) == len({*NAMES}) == 80
    assert (NAMES[64], NAMES[65], NAMES[66]) == ("computer mouse", "tv remote", "computer keyboard")


def test_what_cannot_be_asked_is_told() -> None:
    asked = {
        "tag": "colors",
        "prompt": "a red cup",
        "include": [{"class": "cup", "count": 1, "color": "red"}],
    }
    check_facts(asked, "here")
    with pytest.raises(ValueError, match="here: expected a prompt with one of the tags"):
        check_facts({"colour": "red"}, "here")
    with pytest.raises(ValueError, match="here: class 'mouse': expected one of person"):
        check_facts(asked | {"include": [{"class": "mouse", "count": 1}]}, "here")
