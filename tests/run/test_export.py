import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from irg.model import UnifiedModel
from irg.model.adapter_file import CONFIG, WEIGHTS
from irg.model.checkpoint import CheckpointError, CheckpointFolder
from irg.model.config import read_config
from irg.pipeline import Settings, load_pipeline
from irg.run.export import Choice, Weights, export_adapters, export_run, newest
from tests.data.small import write_checkpoint
from tests.models import merge
from tests.train.trained import Trained, recipe, trained

NF4 = pytest.param(
    "nf4", marks=pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs begin: a small checkpoint with random weights."""
    return write_checkpoint(tmp_path_factory.mktemp("export") / "start")


def export(run: Trained, out: Path, **choice: Any) -> Path:
    return export_run(run.recipe, run.states, out, Choice(newest(run.states), **choice))


def same(found: UnifiedModel, expected: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
    for name, tensor in found.state_dict().items():
        assert tensor.dtype == dtype
        assert torch.equal(tensor, expected[name].to(dtype)), name


def test_averaged_weights_load_as_a_model(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path))
    out = export(run, tmp_path / "out")
    assert [path.name for path in CheckpointFolder(out).weight_files] == ["ema_bf16.safetensors"]
    same(CheckpointFolder(out).load_model(), run.model.state_dict() | run.average, torch.bfloat16)
    assert read_config(out) == read_config(start)


def test_raw_weights_in_float32(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path))
    out = export(run, tmp_path / "out", weights=Weights.RAW, dtype=torch.float32)
    assert [path.name for path in CheckpointFolder(out).weight_files] == ["ema.safetensors"]
    same(CheckpointFolder(out).load_model(), run.model.state_dict(), torch.float32)
    assert not torch.equal(run.model.latent_in.weight, run.average["latent_in.weight"])


def test_the_rest_of_a_checkpoint_comes_along(start: Path, tmp_path: Path) -> None:
    began = Settings.from_folder(start).model_copy(update={"scores": {"of": "other weights"}})
    began.save(start)
    out = export(trained(recipe(start, tmp_path)), tmp_path / "out")
    assert load_pipeline(out).settings == began.model_copy(update={"scores": {}})
    for file in ("ae.safetensors", "ae_params.json", "tokenizer.json"):
        assert (out / file).read_bytes() == (start / file).read_bytes()


def test_a_recipe_changes_the_settings_that_it_gives_and_no_others(start: Path, tmp_path: Path) -> None:
    began = Settings.from_folder(start).model_copy(update={"scores": {"of": "other weights"}, "width": 96})
    began.save(start)
    own = {"system_prompt": "Draw.", "scores": {"of": "these weights"}}
    export(trained(recipe(start, tmp_path / "own", settings=own)), tmp_path / "out")
    assert Settings.from_folder(tmp_path / "out") == began.model_copy(update=own)
    less = recipe(start, tmp_path / "less", settings={"later": {"text_scale": 2.5}})
    export(trained(less), tmp_path / "out")
    later = replace(began.later, text_scale=2.5)
    assert Settings.from_folder(tmp_path / "out") == began.model_copy(update={"later": later, "scores": {}})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_run_from_an_export_exports_the_same_bytes(start: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    first = export(trained(recipe(start, tmp_path / "first")), tmp_path / "one", dtype=dtype)
    again = trained(recipe(first, tmp_path / "second"), change=0.0)
    assert contents(export(again, tmp_path / "two", dtype=dtype)) == contents(first)


def test_what_was_frozen_is_read_from_where_the_run_began(start: Path, tmp_path: Path) -> None:
    frozen = ["vision", "understanding", "embeddings"]
    whole = trained(recipe(start, tmp_path / "whole", freeze=frozen))
    small = trained(recipe(start, tmp_path / "small", freeze=frozen), frozen=False)
    one, two = export(whole, tmp_path / "one"), export(small, tmp_path / "two")
    assert contents(one) == contents(two)
    sizes = [sum(path.stat().st_size for path in run.states.rglob("*.safetensors")) for run in (whole, small)]
    assert sizes[1] < 0.8 * sizes[0]


@pytest.mark.parametrize("quantize", ["none", "int8", NF4])
@pytest.mark.parametrize("frozen", [True, False])
def test_adapters_are_merged(start: Path, tmp_path: Path, quantize: str, frozen: bool) -> None:
    lora = {"rank": 3, "alpha": 5.0, "experts": ["generation"], "projections": ["query", "down"]}
    run = trained(recipe(start, tmp_path, lora=lora | {"quantize": quantize}), frozen=frozen)
    for weights, values in ((Weights.EMA, run.average), (Weights.RAW, None)):
        out = export(run, tmp_path / "out", weights=weights, dtype=torch.float32)
        same(CheckpointFolder(out).load_model(), merge(run.model, values), torch.float32)
    began = CheckpointFolder(start).load_model().state_dict()
    changed = {
        name
        for name, one in CheckpointFolder(out).load_model().state_dict().items()
        if not torch.equal(one, began[name])
    }
    assert {name for name in changed if "generation.query.weight" in name or "generation.down" in name}


def test_adapters_alone_are_the_checkpoint_with_them(start: Path, tmp_path: Path) -> None:
    """What is loaded through them is what is exported whole; and a run can begin with them."""
    lora = {"rank": 3, "alpha": 5.0, "experts": ["generation"], "projections": ["query", "down"]}
    run = trained(recipe(start, tmp_path, lora=lora, settings={"width": 96}))
    whole = export(run, tmp_path / "whole", dtype=torch.float32)
    choice = Choice(newest(run.states), dtype=torch.float32)
    alone = export_adapters(run.recipe, run.states, tmp_path / "alone", choice)
    assert {path.name for path in alone.iterdir()} == {WEIGHTS, CONFIG, "irg.json", ".irg.json"}
    found, expected = CheckpointFolder.find(alone), CheckpointFolder(whole).load_model().state_dict()
    for name, tensor in found.load_model().state_dict().items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-6, rtol=1e-6)
    assert Settings.of(found).width == 96 and load_pipeline(alone).settings.width == 96
    assert found.fingerprint() != CheckpointFolder(start).fingerprint()
    files, problems = found.inspect()
    assert WEIGHTS in {file.name for file in files} and problems == []
    with found.opened() as read:
        query = next(name for name in expected if name.endswith("generation.query.weight"))
        torch.testing.assert_close(read(query), expected[query], atol=1e-6, rtol=1e-6)
    again = trained(recipe(alone, tmp_path / "again", lora=lora))
    with pytest.raises(ValueError, match="the run began with adapters"):
        export_adapters(again.recipe, again.states, tmp_path / "more", choice)
    (alone / CONFIG).write_text((alone / CONFIG).read_text().replace(str(start), str(alone)))
    with pytest.raises(CheckpointError, match="has adapters to"):
        CheckpointFolder.find(tmp_path / "alone")


def test_a_run_without_adapters_has_none_to_export(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path))
    with pytest.raises(ValueError, match="trained no adapters: export it whole"):
        export_adapters(run.recipe, run.states, tmp_path / "out", Choice(newest(run.states)))


def test_bfloat16_master_weights_are_exported_as_they_were(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path, parallel={"master": "bfloat16"}, freeze=["vision"]), frozen=False)
    out = export(run, tmp_path / "out", weights=Weights.RAW, dtype=torch.float32)
    same(CheckpointFolder(out).load_model(), run.model.state_dict(), torch.float32)


def test_many_weights_are_written_in_several_files(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(recipe(start, tmp_path))
    monkeypatch.setattr("irg.run.export.MOST_BYTES", 30_000)
    out = export(run, tmp_path / "out")
    files = CheckpointFolder(out).weight_files
    assert len(files) > 2
    assert all(path.stat().st_size < 40_000 for path in files)
    index = json.loads((out / "ema_bf16.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(
        one.nbytes for one in CheckpointFolder(out).load_model().state_dict().values()
    )
    same(CheckpointFolder(out).load_model(), run.model.state_dict() | run.average, torch.bfloat16)


def test_an_earlier_export_is_replaced_and_nothing_else(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path))
    out = export(run, tmp_path / "out", dtype=torch.float32)
    assert "ema.safetensors" not in contents(export(run, out))
    other = tmp_path / "other"
    other.mkdir()
    assert export(run, other) == other
    for path in other.iterdir():
        path.unlink()
    (other / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(ValueError, match="and no checkpoint that irg made"):
        export(run, other)
    assert contents(other) == {"thesis.txt": b"irreplaceable"}


def test_what_lies_in_an_export_and_where_the_run_began_is_never_deleted(start: Path, tmp_path: Path) -> None:
    first = export(trained(recipe(start, tmp_path / "first")), tmp_path / "one")
    run = trained(recipe(first, tmp_path / "second"))
    link = tmp_path / "link"
    link.symlink_to(first)
    before = contents(first)
    for place, said in ((start, "and no checkpoint that irg made"), (first, "what is read"), (link, "link")):
        with pytest.raises(ValueError, match=said):
            export(run, place)
    out = export(run, tmp_path / "out")
    (out / "notes").mkdir()
    (out / "notes" / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(ValueError, match=r"'notes/thesis\.txt', which irg did not write"):
        export(run, out)
    assert (out / "notes" / "thesis.txt").exists() and contents(first) == before


def test_a_failed_export_leaves_the_earlier_one(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path))
    before = contents(export(run, tmp_path / "out"))
    file = run.states / "step-00000004" / "rank-00000.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match=r"rank-00000\.safetensors is damaged"):
        export(run, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def forget_vision(run: Trained) -> None:
    index = run.states / "step-00000004" / "index.json"
    content = json.loads(index.read_text())
    content["tensors"] = {name: one for name, one in content["tensors"].items() if "vision" not in name}
    index.write_text(json.dumps(content))


def rename_model(run: Trained) -> None:
    plain = run.states / "step-00000004" / "plain.json"
    plain.write_text(plain.read_text().replace('"num_layers": 2', '"num_layers": 3'))


def rename_step(run: Trained) -> None:
    (run.states / "step-00000004").rename(run.states / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (forget_vision, "vision.patch_embedding.weight is neither in it nor where the run began"),
        (rename_model, "of another model than the recipe describes"),
        (rename_step, "holds no checkpoint of training"),
    ],
)
def test_what_is_wrong_is_named(
    start: Path, tmp_path: Path, spoil: Callable[[Trained], None], message: str
) -> None:
    drawn = recipe(start, tmp_path, init=None, parts=str(start), preset="embedded")
    run = trained(drawn) if spoil is forget_vision else trained(recipe(start, tmp_path))
    spoil(run)
    with pytest.raises(CheckpointError, match=message):
        export(run, tmp_path / "out")


def test_a_missing_step_and_another_type_are_named(start: Path, tmp_path: Path) -> None:
    run = trained(recipe(start, tmp_path))
    with pytest.raises(CheckpointError, match="no checkpoint of step 5; those there: 4"):
        export_run(run.recipe, run.states, tmp_path / "out", Choice(5))
    with pytest.raises(ValueError, match=r"export as torch.float16: expected one of torch.bfloat16"):
        export_run(run.recipe, run.states, tmp_path / "out", Choice(4, dtype=torch.float16))


def test_other_programs_find_what_they_look_for(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file of weights under the name that they open, and every small file of where the run began."""
    shutil.copytree(start, tmp_path / "start")
    small = {"vocab.json": b"{}", "merges.txt": b"a b", "tokenizer_config.json": b'{"a": 1}'}
    for name, content in small.items():
        (tmp_path / "start" / name).write_bytes(content)
    (tmp_path / "start" / "ema.safetensors.index.json").write_text("{}")
    run = trained(recipe(tmp_path / "start", tmp_path))
    monkeypatch.setattr("irg.run.export.MOST_BYTES", 30_000)
    out = export(run, tmp_path / "out", file="ema.safetensors")
    assert [path.name for path in CheckpointFolder(out).weight_files] == ["ema.safetensors"]
    same(CheckpointFolder(out).load_model(), run.model.state_dict() | run.average, torch.bfloat16)
    assert {name: (out / name).read_bytes() for name in small} == small
    assert not list(out.glob("*.index.json"))
    with pytest.raises(ValueError, match=r"weights named mine: expected one of ema_bf16"):
        export(run, tmp_path / "other", file="mine")
