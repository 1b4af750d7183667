import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from irg.model.adapter_file import write_adapters
from irg.model.checkpoint import CheckpointFolder
from irg.publish.upload import Upload
from irg.publish.weights import SentWeights, card, check_weights, send_weights
from tests.data.small import write_checkpoint
from tests.publish.fake_hub import FakeHub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small checkpoint, marked as exports are."""
    write_checkpoint(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / ".irg.json").write_text("{}")
    return tmp_path / "checkpoint"


@pytest.fixture
def adapters(folder: Path, tmp_path: Path) -> Path:
    name = "decoder.layers.0.generation.query.weight"
    rows, columns = CheckpointFolder(folder).load_model().get_parameter(name).shape
    (made := tmp_path / "adapters").mkdir()
    write_adapters(made, {name: (torch.ones(2, columns), torch.ones(rows, 2))}, 1.0, str(folder))
    return made


def weights(folder: Path, **said: str) -> SentWeights:
    return SentWeights(Upload(folder, "me/model", message="First"), "mit", **said)


def test_a_checkpoint_goes_to_the_hub_with_a_card(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    wanted = weights(folder, base="ByteDance-Seed/BAGEL-7B-MoT", about="Barns.")
    files = check_weights(wanted)
    with FakeHub({"model.safetensors": b"old", "notes.txt": b"theirs"}).running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        send_weights(wanted)
    own = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".irg.json"}
    assert hub.files == {**own, "README.md": card(wanted).encode(), "notes.txt": b"theirs"}
    assert files == {name: len(data) for name, data in hub.files.items() if name != "notes.txt"}
    assert [(one["type"], one["name"]) for one in hub.created] == [("model", "model")]
    _, front, text = hub.files["README.md"].decode().split("---", 2)
    head = yaml.safe_load(front)
    assert (head["license"], head["base_model"]) == ("mit", "ByteDance-Seed/BAGEL-7B-MoT")
    assert "# model" in text and "Barns." in text and "--model me/model" in text
    assert not (folder / "README.md").exists()


def test_a_card_of_ones_own_is_sent_as_it_is(folder: Path) -> None:
    (folder / "README.md").write_text("mine")
    assert check_weights(weights(folder))["README.md"] == 4


def test_adapters_need_a_base_that_others_have(adapters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="which nobody else has: expected --base OWNER/NAME"):
        check_weights(weights(adapters))
    named = weights(adapters, base="owner/base")
    assert {"adapter_model.safetensors", "adapter_config.json", "README.md"} == check_weights(named).keys()
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    with FakeHub().running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        send_weights(named)
    sent = json.loads(hub.files["adapter_config.json"])
    assert sent["base_model_name_or_path"] == "owner/base" and str(adapters.parent) not in str(sent)
    assert "library_name: peft" in card(named) and "base_model: owner/base" in card(named)


def test_what_is_no_whole_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        check_weights(weights(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="'model' is no model of the hub: expected OWNER/NAME"):
        check_weights(SentWeights(Upload(folder, "model"), "mit"))
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "secret.env").write_text("TOKEN=1")
    with pytest.raises(ValueError, match=r"holds what is no part of a checkpoint: secret\.env"):
        check_weights(weights(tmp_path / "other"))
    file = CheckpointFolder(folder).weight_files[0]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is no whole checkpoint"):
        check_weights(weights(folder))
