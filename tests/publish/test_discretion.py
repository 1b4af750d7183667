"""What is nobody else's business stays out of a published set."""

import json
from pathlib import Path

from irg.publish.discretion import public
from tests.publish.small import published, read, some, store


def test_addresses_keys_and_folders_stay_at_home(tmp_path: Path) -> None:
    model = {"name": "/home/me/secret/weights", "extra": {"user": "me"}}
    stages = [{"stage": "draw", "version": 2, "model": model, "templates": {}, "seed": 1}]
    recipe = {"teachers": {"t": {"endpoint": {"base_url": "http://10.0.0.1/v1", "key_env": "MY_KEY"}}}}
    recipe["propose"] = {"files": ["/home/me/secret/prompts.txt", "own/list.txt"]}  # type: ignore[dict-item]
    source = store(tmp_path / "in", some(2, {"stages": stages}), {"recipe": recipe})
    published(source, tmp_path / "out")
    one = read(tmp_path / "out" / "data" / "train")[0]
    assert one.provenance["stages"][0]["model"] == {"name": "weights"}
    text = (tmp_path / "out" / "README.md").read_text()
    text += (tmp_path / "out" / "data" / "train" / "manifest.json").read_text() + json.dumps(one.provenance)
    assert not [word for word in ("10.0.0.1", "MY_KEY", "secret", "user") if word in text]
    assert "prompts.txt" in text and "own/list.txt" in text and "| draw | 2 | weights | 2 |" in text
    assert public({"a": ["C:\\Users\\me\\x.yaml", "~/y.yaml", 1, None, "left/right"]}) == {
        "a": ["x.yaml", "y.yaml", 1, None, "left/right"]
    }
