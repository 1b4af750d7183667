import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.multiprocessing.spawn import spawn

from irg.model.checkpoint import CheckpointError
from irg.run.checkpoint import Checkpoints, SaveError
from irg.run.saved import Files, read_index, steps_in
from tests.run.checkpoint_process import IDENTITY, KINDS, Run, spawned

ROOT = Path(__file__).parents[2]
ROUNDS = 20


def tensors(value: float) -> dict[str, Any]:
    return {
        "model": {"matrix": torch.full((3, 4), value), "half": torch.full((5,), value, dtype=torch.bfloat16)},
        "optimizer": {
            "matrix": {"step": torch.tensor(value), "bytes": torch.full((2,), 7, dtype=torch.uint8)}
        },
    }


def checkpoints(folder: Path, keep: int = 2, **identity: Any) -> Checkpoints:
    return Checkpoints(folder / "checkpoints", keep, identity)


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoints:
    """With a checkpoint of step 7."""
    saving = checkpoints(tmp_path)
    saving.save(7, tensors(7.0), {"place": [1, 2]})
    saving.wait()
    return saving


def test_what_was_saved_is_loaded_in_place(saved: Checkpoints) -> None:
    target = tensors(0.0)
    matrix = target["model"]["matrix"]
    assert saved.load(7, target) == {"place": [1, 2]}
    assert target["model"]["matrix"] is matrix
    for name, part in tensors(7.0)["model"].items():
        assert torch.equal(target["model"][name], part)
    for name, part in tensors(7.0)["optimizer"]["matrix"].items():
        assert torch.equal(target["optimizer"]["matrix"][name], part)


def test_a_part_can_be_loaded_alone(saved: Checkpoints) -> None:
    target = {"model": tensors(0.0)["model"]}
    saved.load(7, target)
    assert torch.equal(target["model"]["matrix"], torch.full((3, 4), 7.0))


def test_tensors_may_change_as_soon_as_saving_has_begun(tmp_path: Path) -> None:
    saving, changing = checkpoints(tmp_path), {"model": {"big": torch.full((4_000_000,), 1.0)}}
    saving.save(1, changing, {})
    changing["model"]["big"].fill_(-1.0)
    saving.load(1, changing)
    assert torch.equal(changing["model"]["big"], torch.full((4_000_000,), 1.0))


def test_views_of_one_memory_are_saved(tmp_path: Path) -> None:
    saving, whole = checkpoints(tmp_path), torch.arange(6.0)
    saving.save(1, {"model": {"all": whole, "even": whole[::2], "twin": whole}}, {})
    target = {"model": {"all": torch.zeros(6), "even": torch.zeros(3), "twin": torch.zeros(6)}}
    saving.load(1, target)
    assert [part.tolist() for part in target["model"].values()] == [
        [0, 1, 2, 3, 4, 5],
        [0, 2, 4],
        [0, 1, 2, 3, 4, 5],
    ]


def test_nothing_is_pickled(saved: Checkpoints) -> None:
    files = sorted(path.name for path in (saved.folder / "step-00000007").iterdir())
    assert files == ["index.json", "plain.json", "rank-00000.safetensors"]
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in (saved.folder / "step-00000007").iterdir())


def test_the_newest_are_kept(tmp_path: Path) -> None:
    saving = checkpoints(tmp_path, keep=3)
    assert saving.latest() is None
    for step in (1, 5, 20, 100, 99999999):
        saving.save(step, tensors(step), {})
    saving.wait()
    assert steps_in(saving.folder) == [20, 100, 99999999]
    assert saving.latest() == 99999999
    assert len(list(saving.folder.iterdir())) == 3


def test_a_step_can_be_saved_again(saved: Checkpoints) -> None:
    saved.save(7, tensors(8.0), {"again": True})
    target = tensors(0.0)
    assert saved.load(7, target) == {"again": True}
    assert torch.equal(target["model"]["matrix"], torch.full((3, 4), 8.0))
    assert [path.name for path in saved.folder.iterdir()] == ["step-00000007"]


def test_leftovers_are_cleared(saved: Checkpoints, tmp_path: Path) -> None:
    folder = saved.folder
    shutil.copytree(folder / "step-00000007", folder / ".step-00000009.partial")
    shutil.copytree(folder / "step-00000007", folder / ".step-00000003.deleted")
    shutil.copytree(folder / "step-00000007", folder / ".step-00000007.replaced")
    (folder / "notes.txt").write_text("mine")
    assert checkpoints(tmp_path).latest() == 7
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "step-00000007"]


def test_one_that_was_to_be_replaced_comes_back(saved: Checkpoints, tmp_path: Path) -> None:
    (saved.folder / "step-00000007").rename(saved.folder / ".step-00000007.replaced")
    assert checkpoints(tmp_path).load(7, tensors(0.0)) == {"place": [1, 2]}


def test_a_missing_step_names_those_there(saved: Checkpoints) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of step 8; those there: 7"):
        saved.load(8, tensors(0.0))


def test_other_names_shapes_and_types_are_named(saved: Checkpoints) -> None:
    target = tensors(0.0)
    target["model"] = {"matrix": torch.zeros(4, 3), "new": torch.zeros(1), "half": torch.zeros(5)}
    del target["optimizer"]["matrix"]["step"]
    with pytest.raises(CheckpointError) as failure:
        saved.load(7, target)
    for problem in (
        "4 problem(s)",
        "missing model/new",
        "unexpected optimizer/matrix/step",
        "model/matrix has shape (3, 4), expected (4, 3)",
        "model/half is torch.bfloat16, expected torch.float32",
    ):
        assert problem in str(failure.value)


def test_another_run_is_refused(tmp_path: Path) -> None:
    saving = checkpoints(tmp_path, seed=1, modes={"direct": 1.0}, shape=(1, 2))
    saving.save(1, tensors(1.0), {})
    saving.wait()
    checkpoints(tmp_path, seed=1, modes={"direct": 1.0}, shape=[1, 2]).load(1, tensors(0.0))
    with pytest.raises(CheckpointError, match=r"another run: seed was 1, is 2$"):
        checkpoints(tmp_path, seed=2, modes={"direct": 1.0}, shape=(1, 2)).load(1, tensors(0.0))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no tensors": (lambda folder: (folder / "rank-00000.safetensors").unlink(), "rank-00000.* is missing"),
    "half the tensors": (
        lambda folder: (folder / "rank-00000.safetensors").write_bytes(
            (folder / "rank-00000.safetensors").read_bytes()[:-5]
        ),
        "rank-00000.safetensors is damaged",
    ),
    "a flipped bit": (lambda folder: flip(folder / "rank-00000.safetensors"), "is not what was written"),
    "no index": (lambda folder: (folder / "index.json").unlink(), "index.json is missing"),
    "half an index": (
        lambda folder: (folder / "index.json").write_text('{"format": 1, "tens'),
        "index.json is damaged",
    ),
    "an empty index": (
        lambda folder: (folder / "index.json").write_text('{"format": 1, "tensors": {"model/matrix": {}}}'),
        "index.json is damaged: KeyError",
    ),
    "a future format": (
        lambda folder: (folder / "index.json").write_text('{"format": 2}'),
        "format 2, this version reads 1",
    ),
    "a list": (lambda folder: (folder / "plain.json").write_text("[]"), "expected a JSON object, got list"),
    "nothing plain": (lambda folder: (folder / "plain.json").write_text("{}"), "identity is None"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_named(saved: Checkpoints, damage: Callable[[Path], Any], message: str) -> None:
    damage(saved.folder / "step-00000007")
    with pytest.raises(CheckpointError, match=message):
        saved.load(7, tensors(0.0))


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    saving = checkpoints(tmp_path)
    with pytest.raises(ValueError, match="optimizer/rate is float, expected a tensor"):
        saving.save(1, {"optimizer": {"rate": 0.1}}, {})
    with pytest.raises(ValueError, match="what is saved is not JSON"):
        saving.save(1, tensors(1.0), {"loss": float("nan")})
    with pytest.raises(ValueError, match="keep 0 checkpoints"):
        checkpoints(tmp_path, keep=0)


@pytest.mark.parametrize("ask", ["wait", "save"])
def test_a_failure_to_write_comes_out_at_the_next_call(saved: Checkpoints, ask: str) -> None:
    saved.folder.rename(saved.folder.with_name("elsewhere"))
    saved.folder.write_text("in the way")
    saved.save(8, tensors(8.0), {})
    with pytest.raises(SaveError, match="no checkpoint was written: rank 0: NotADirectoryError"):
        saved.wait() if ask == "wait" else saved.save(9, tensors(9.0), {})
    saved.folder.unlink()
    saved.folder.with_name("elsewhere").rename(saved.folder)
    assert saved.latest() == 7
    saved.save(9, tensors(9.0), {})
    assert saved.latest() == 9


def test_of_a_checkpoint_that_there_is_no_room_for_nothing_is_left(saved: Checkpoints) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = {path.name for path in saved.folder.iterdir()}
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        saved.save(8, tensors(8.0), {})
        with pytest.raises(SaveError, match="File too large"):
            saved.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in saved.folder.iterdir()} == before
    saved.save(9, tensors(9.0), {})
    assert saved.latest() == 9


def test_killed_at_any_moment_whole_checkpoints_are_left(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    command = [sys.executable, "-m", "tests.run.checkpoint_process", str(folder), str(ROUNDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == ROUNDS
    newest = 0
    for told, latest, plain, values, _, left in reports:
        assert newest <= told <= latest == plain
        assert values == [latest]
        assert all(name.startswith("step-") for name in left) and len(left) <= 3
        newest = latest
    assert sum(report[4] for report in reports) > ROUNDS / 4, "too few were killed while they saved"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes loaded of the checkpoints of one, and saved again one step later."""
    folder = tmp_path_factory.mktemp("two")
    for kind in KINDS:
        run = Run(kind)
        run.step(0)
        saving = Checkpoints(folder / kind, 2, IDENTITY)
        saving.save(1, run.tensors(), {})
        saving.wait()
    spawn(spawned, (str(folder),), nprocs=2)
    return folder


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one if one[name].numel())


@pytest.mark.parametrize("layout", ["sharded", "replicated"])
def test_from_one_process_to_two_and_back(two: Path, layout: str) -> None:
    run = Run("adamw")
    run.step(0)
    assert largest_difference(load_file(two / f"adamw-{layout}" / "loaded.safetensors"), run.whole()) == 0
    run.forget()
    plain = Checkpoints(two / f"adamw-{layout}", 2, IDENTITY).load(2, run.tensors())
    assert largest_difference(load_file(two / f"adamw-{layout}" / "stepped.safetensors"), run.whole()) == 0
    with Files(two / f"adamw-{layout}" / "step-00000002") as files:
        for name, saved in read_index(files.folder).items():
            assert torch.equal(files.whole(name, saved), run.whole()[f"/{name}"])
    first, second = plain["rng"]
    assert first["torch"] != second["torch"]


def test_each_process_writes_its_share(two: Path) -> None:
    for layout in ("sharded", "replicated"):
        files = sorted((two / f"adamw-{layout}" / "step-00000002").glob("*.safetensors"))
        sizes = [path.stat().st_size for path in files]
        assert len(sizes) == 2 and min(sizes) > 0.3 * sum(sizes)
        assert sum(sizes) < 1.1 * (two / "adamw" / "step-00000001" / "rank-00000.safetensors").stat().st_size


def test_eight_bit_moments_are_encoded_anew_for_another_number_of_processes(two: Path) -> None:
    run = Run("adamw8bit")
    run.step(0)
    for step, stage in ((1, "loaded"), (2, "stepped")):
        found = load_file(two / "adamw8bit-sharded" / f"{stage}.safetensors")
        if step == 2:
            run.forget()
            Checkpoints(two / "adamw8bit-sharded", 2, IDENTITY).load(2, run.tensors())
        expected = run.whole()
        exact = [name for name in expected if "exp_avg" not in name]
        assert all(torch.equal(found[name], expected[name]) for name in exact)
        for name in expected.keys() - set(exact):
            scale = expected[name].abs().max().item()
            assert torch.allclose(found[name].float(), expected[name].float(), rtol=0.05, atol=0.01 * scale)


def test_eight_bit_moments_are_loaded_bit_for_bit(tmp_path: Path) -> None:
    run, saving = Run("adamw8bit"), Checkpoints(tmp_path, 1, IDENTITY)
    run.step(0)
    expected = {name: tensor.clone() for name, tensor in run.locals().items()}
    assert any(name.endswith("codes") for name in expected)
    saving.save(1, run.tensors(), {})
    run.forget()
    saving.load(1, run.tensors())
    for name, tensor in run.locals().items():
        assert torch.equal(tensor, expected[name]), name


def test_eight_bit_moments_that_are_lacking_are_named(tmp_path: Path) -> None:
    run, saving = Run("adamw8bit"), Checkpoints(tmp_path, 1, IDENTITY)
    moments = run.tensors()
    del moments["optimizer"]["decoder.layers.0.generation.up.weight"]["exp_avg"]
    saving.save(1, moments, {})
    with pytest.raises(
        CheckpointError, match=r"missing optimizer/decoder.layers.0.generation.up.weight/exp_avg/at-0-0/codes"
    ):
        saving.load(1, run.tensors())
