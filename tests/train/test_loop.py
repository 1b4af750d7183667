import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch.optim import Optimizer

from irg.core import Kind, Role, Segment, Sequence, pack
from irg.core.events import Done
from irg.data.modes import Mode
from irg.data.scenes import improving_episode
from irg.data.store import Sample, write_samples
from irg.model import Autoencoder, PaddedAttend, embedded
from irg.model.checkpoint import load_model, save_autoencoder, save_model
from irg.model.config import read_config
from irg.pipeline import Settings, load_pipeline
from irg.train.loop import (
    TrainRecipe,
    _resume,
    _save_state,
    _start,
    _update_average,
    backward,
    initialise,
    train,
)
from irg.train.losses import flow_losses, token_losses
from irg.train.optimizers import OptimizerPair
from irg.train.recipes import read_recipe, run_recipe
from tests.data.small import config, random_model, settings, tokenizer, write_checkpoint
from tests.train.steps import interrupted_after, watched
from tests.train.two_processes import digest, documents, gradients

MODES = {Mode.DIRECT: 1.0, Mode.QUESTION: 1.0, Mode.IMPROVING_FULL: 1.0}


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokenizer, autoencoder and a small untrained model: `base` and `init` in one."""
    return write_checkpoint(tmp_path_factory.mktemp("train") / "parts")


@pytest.fixture
def recipe(parts: Path, tmp_path: Path) -> TrainRecipe:
    return TrainRecipe(
        out=tmp_path / "run",
        base=parts,
        init=parts,
        steps=3,
        documents=3,
        modes=MODES,
        warmup=1,
        pool=8,
        refresh=1,
        save_every=2,
    )


def changed(recipe: TrainRecipe, **changes: object) -> TrainRecipe:
    return TrainRecipe.model_validate(recipe.model_dump() | changes)


def state_of(recipe: TrainRecipe, part: str) -> dict[str, torch.Tensor]:
    tensors = load_file(recipe.out / "state.safetensors")
    return {
        name.removeprefix(f"{part}/"): one for name, one in tensors.items() if name.startswith(f"{part}/")
    }


def num_steps(recipe: TrainRecipe) -> int:
    """Steps taken by running the recipe: each steps both optimizers once."""
    taken: list[Optimizer] = []
    with watched(taken.append):
        train(recipe)
    assert len(taken) % 2 == 0
    return len(taken) // 2


def test_a_run_writes_a_checkpoint_that_draws(recipe: TrainRecipe) -> None:
    wanted = settings(128).model_copy(update={"scores": {"bench": 0.5}})
    recipe = changed(recipe, settings=wanted.model_dump())
    folder = train(recipe)
    assert folder == recipe.out / "checkpoint"
    assert Settings.from_folder(folder) == wanted and (folder / "irg.json").exists()
    pipeline = load_pipeline(folder)
    assert pipeline.parts.model.config == config()
    *_, done = pipeline.generate("two red circles")
    assert isinstance(done, Done) and done.trace.turns[1].image.size == (128, 128)


def test_without_settings_the_checkpoint_keeps_those_it_began_with(recipe: TrainRecipe) -> None:
    assert recipe.init is not None
    assert Settings.from_folder(train(recipe)) == Settings.from_folder(recipe.init) == settings(32)


def test_training_changes_all_weights_but_the_tables(recipe: TrainRecipe) -> None:
    train(recipe)
    after = state_of(recipe, "model")
    before = random_model().state_dict()
    same = {name for name, value in after.items() if torch.equal(value, before[name])}
    assert same == {"latent_positions.table", "view_positions.table"}


def test_the_checkpoint_holds_the_averaged_weights_in_half_precision(recipe: TrainRecipe) -> None:
    folder = train(recipe)
    written, averaged = load_model(folder).state_dict(), state_of(recipe, "ema")
    for name, value in written.items():
        assert value.dtype == torch.bfloat16
        assert torch.equal(value, averaged[name].bfloat16())
    weights = state_of(recipe, "model")
    assert any(not torch.equal(value, weights[name]) for name, value in averaged.items())


def test_an_interrupted_run_goes_on_from_what_was_saved(recipe: TrainRecipe) -> None:
    recipe = changed(recipe, steps=5)
    with pytest.raises(KeyboardInterrupt), interrupted_after(7):  # in the fourth step
        train(recipe)
    assert load_file(recipe.out / "state.safetensors")["step"] == 2
    saved = state_of(recipe, "model")
    states: list[dict[str, torch.Tensor]] = []

    def remember(optimizer: Optimizer) -> None:
        if isinstance(optimizer, torch.optim.AdamW):
            states.append({"step": next(iter(optimizer.state.values()))["step"].clone()})

    with watched(remember):
        train(recipe)
    assert [int(state["step"]) for state in states] == [3, 4, 5]
    assert load_file(recipe.out / "state.safetensors")["step"] == 5
    assert any(not torch.equal(value, saved[name]) for name, value in state_of(recipe, "model").items())
    load_pipeline(recipe.out / "checkpoint")


def test_a_finished_run_takes_no_more_steps(recipe: TrainRecipe) -> None:
    assert num_steps(recipe) == 3
    assert num_steps(recipe) == 0
    assert num_steps(changed(recipe, steps=4)) == 1


def test_a_run_may_leave_off_early_and_be_taken_up_later(recipe: TrainRecipe) -> None:
    assert num_steps(changed(recipe, stop_at=1)) == 1
    load_pipeline(recipe.out / "checkpoint")
    assert num_steps(changed(recipe, stop_at=2)) == 1
    assert num_steps(recipe) == 1


def test_a_run_that_leaves_off_early_follows_the_schedule_of_all_steps(recipe: TrainRecipe) -> None:
    def rates(recipe: TrainRecipe) -> list[float]:
        seen: list[float] = []
        with watched(lambda optimizer: seen.append(optimizer.param_groups[0]["lr"])):
            train(recipe)
        return seen

    recipe = changed(recipe, steps=4, decay_from=0.5, warmup=0, matrix_rate=0.4, other_rate=0.2)
    whole = rates(changed(recipe, out=recipe.out / "whole"))
    assert whole == pytest.approx([0.4, 0.2, 0.4, 0.2, 0.4, 0.2, 0.2, 0.1])
    assert rates(changed(recipe, stop_at=3)) == whole[:6]


@pytest.fixture(scope="module")
def own_pictures(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flawed picture and a right one, as if a model had drawn them."""
    folder, rng = tmp_path_factory.mktemp("samples"), np.random.default_rng(1)
    episode = next(one for one in iter(lambda: improving_episode(rng), None) if one.flawed)
    shown = [Sample(episode.prompt, episode.thoughts[0], picture) for picture in episode.pictures]
    write_samples(folder, "00000", shown)
    return folder


def test_own_pictures_are_trained_on_as_often_as_asked(recipe: TrainRecipe, own_pictures: Path) -> None:
    recipe = changed(recipe, steps=1, modes={Mode.IMPROVING_FULL: 1.0}, samples=(own_pictures,))
    shares = [(0.0, 1.0), (0.0, 0.0), (1.0, 1.0), (1.0, 0.0)]
    none, same, flawed, right = (
        train(changed(recipe, out=recipe.out / f"{own}-{bad}", sample_share=own, flawed_share=bad))
        / "ema_bf16.safetensors"
        for own, bad in shares
    )
    assert none.read_bytes() == same.read_bytes()
    assert len({file.read_bytes() for file in (none, flawed, right)}) == 3


def test_processes_see_different_scenes(recipe: TrainRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a mode without noise, what a process trains on follows from its scenes alone."""
    recipe = changed(recipe, steps=1, modes={Mode.INITIAL_THINKING: 1.0})
    digests: list[list[str]] = []
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        digests.append([])
        with watched(lambda optimizer: digests[-1].append(digest(optimizer))):
            train(changed(recipe, out=recipe.out / str(rank)))
    assert digests[0] != digests[1]


def test_a_run_stopped_while_it_exports_exports_again(recipe: TrainRecipe, parts: Path) -> None:
    """The state is written last: with it, the checkpoint is whole."""
    run = changed(recipe, out=recipe.out / "blocked")
    (run.out / "checkpoint" / "ae.safetensors").mkdir(parents=True)  # cannot be replaced by a file
    with pytest.raises(OSError):
        train(run)
    assert not (run.out / "state.safetensors").exists()
    (run.out / "checkpoint" / "ae.safetensors").rmdir()
    assert num_steps(run) == 3
    load_pipeline(run.out / "checkpoint")


def test_the_state_restores_weights_average_and_optimizer(recipe: TrainRecipe) -> None:
    recipe.out.mkdir(parents=True)
    model, fresh = random_model(), random_model()
    optimizer = OptimizerPair(model, 1e-2, 1e-2)
    averaged = {name: value.clone() for name, value in model.state_dict().items()}
    for rank in (0, 1):
        backward(model, documents(rank), tokenizer(), recipe)
    optimizer.step(1.0)
    _update_average(averaged, model, 0.5)
    _save_state(recipe, model, averaged, optimizer, 17)
    restored = {name: value.clone() for name, value in fresh.state_dict().items()}
    resumed = OptimizerPair(fresh, 1e-2, 1e-2)
    assert _resume(recipe, fresh, restored, resumed) == 17
    pairs = (
        (model.state_dict(), fresh.state_dict()),
        (averaged, restored),
        (optimizer.tensors(), resumed.tensors()),
    )
    for ours, theirs in pairs:
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_the_average_moves_by_its_decay() -> None:
    model = random_model()
    averaged = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    _update_average(averaged, model, 0.75)
    for name, value in model.state_dict().items():
        assert torch.allclose(averaged[name], 0.25 * value, rtol=1e-5, atol=1e-7)


def test_one_seed_trains_one_model(recipe: TrainRecipe, tmp_path: Path) -> None:
    runs = [changed(recipe, out=tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    one, same, other = (train(run) / "ema_bf16.safetensors" for run in runs)
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()


def test_losses_are_weighted_means_and_told_by_mode(recipe: TrainRecipe) -> None:
    row = [*documents(0), *documents(1)]
    model = random_model()
    told = backward(model, row, tokenizer(), changed(recipe, text_weight=2.0, flow_weight=0.5))
    packed = pack([document for _, document in row], tokenizer().special)
    with torch.autocast("cpu", torch.bfloat16):
        streams = model(packed, PaddedAttend(packed))
        text, flow = token_losses(model, packed, streams).mean(), flow_losses(model, packed, streams).mean()
    assert told.keys() == {"loss", "text/question", "flow/direct"}
    assert told["text/question"] == pytest.approx(text.item(), rel=1e-3)
    assert told["flow/direct"] == pytest.approx(flow.item(), rel=1e-3)
    assert told["loss"] == pytest.approx(2 * text.item() + 0.5 * flow.item(), rel=1e-3)


def test_losses_of_a_mode_are_those_of_its_documents(recipe: TrainRecipe) -> None:
    """Two modes with text in one row, and each by itself."""

    def text(ids: tuple[int, ...]) -> Sequence:
        return Sequence((Segment(Kind.TEXT, Role.THOUGHT, ids, loss=True),))

    row = [(Mode.INITIAL_THINKING, text((5, 6, 7))), (Mode.QUESTION, text((9,)))]
    told = backward(random_model(), row, tokenizer(), recipe)
    for mode, document in row:
        alone = backward(random_model(), [(mode, document)], tokenizer(), recipe)
        assert told[f"text/{mode}"] == pytest.approx(alone["loss"], rel=0.02)


def test_weights_of_zero_take_a_loss_out(recipe: TrainRecipe) -> None:
    row = [*documents(0), *documents(1)]
    model = random_model()
    backward(model, row, tokenizer(), changed(recipe, text_weight=0.0))
    head, out = model.decoder.head.weight.grad, model.latent_out.weight.grad
    assert head is not None and not head.any() and out is not None and out.any()


def test_a_new_model_is_the_embedded_one_around_the_bases_autoencoder(recipe: TrainRecipe) -> None:
    with torch.random.fork_rng():
        model = _start(changed(recipe, init=None), tokenizer(), config().autoencoder)
    assert model.config == replace(embedded(tokenizer().size), autoencoder=config().autoencoder)
    assert model.training


def test_a_new_model_begins_with_still_layers_and_no_velocity() -> None:
    model, still = random_model(), (".output.weight", ".down.weight", "latent_out.weight")
    initialise(model, torch.Generator().manual_seed(0))
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            assert (parameter == 1).all(), name
        elif parameter.ndim < 2 or (name.endswith(still) and name != "timestep.down.weight"):
            assert not parameter.any(), name
        else:
            assert parameter.std() > 0, name
    (row,) = [document for _, document in documents(0)[:1]]
    packed = pack([row], tokenizer().special)
    streams = model(packed, PaddedAttend(packed))
    assert not model.latent_out(streams.generation_MD).any()
    assert torch.isfinite(streams.understanding_UD).all()


def test_position_tables_are_exact_in_training(parts: Path, recipe: TrainRecipe, tmp_path: Path) -> None:
    """A checkpoint's tables are rounded to its precision; training starts from the formula."""
    model = load_model(parts, dtype=torch.float32)
    assert isinstance(model.latent_positions.table, torch.Tensor)
    model.latent_positions.table += 0.01
    rough = write_checkpoint(tmp_path / "rough")
    save_model(model, rough)
    started = _start(changed(recipe, init=rough), tokenizer(), config().autoencoder)
    expected = random_model().latent_positions.table
    assert isinstance(expected, torch.Tensor) and isinstance(started.latent_positions.table, torch.Tensor)
    assert torch.equal(started.latent_positions.table, expected)


def test_an_init_of_another_autoencoder_is_refused(recipe: TrainRecipe, tmp_path: Path) -> None:
    base = write_checkpoint(tmp_path / "other")
    other = replace(config().autoencoder, scale=0.5)
    save_autoencoder(Autoencoder(other), base, replace(config(), autoencoder=other))
    with pytest.raises(ValueError, match="another autoencoder"):
        train(changed(recipe, base=base))


def test_a_base_without_tokenizer_is_named(recipe: TrainRecipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.json is missing"):
        train(changed(recipe, base=tmp_path))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def two_runs(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainRecipe, Path]:
    """A run of two processes, and the folder with what each of them has to tell."""
    folder = tmp_path_factory.mktemp("two")
    content = {
        "kind": "unified",
        "out": str(folder / "run"),
        "base": str(parts),
        "init": str(parts),
        "steps": 3,
        "documents": 2,
        "modes": {"improving_full": 1.0},
        "text_dropout": 0.0,
        "image_dropout": 0.0,
        "pool": 4,
        "refresh": 1,
        "warmup": 0,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    port, root = str(free_port()), Path(__file__).parents[2]
    path = os.pathsep.join([str(root / "src"), str(root)])
    environment = os.environ | {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": path,
    }
    command = [sys.executable, "-m", "tests.train.two_processes", folder / "recipe.yaml", folder]
    processes = [
        subprocess.Popen(
            command,
            env=environment | {"RANK": str(rank)},
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        told = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(told)
    recipe = read_recipe(folder / "recipe.yaml", [])
    assert isinstance(recipe, TrainRecipe)
    return recipe, folder


def test_two_processes_keep_the_same_weights(two_runs: tuple[TrainRecipe, Path]) -> None:
    _, folder = two_runs
    first, second = ((folder / f"{rank}.json").read_text() for rank in (0, 1))
    digests = yaml.safe_load(first)
    assert first == second and len(digests) == 6 and len(set(digests)) == 6


def test_averaged_gradients_are_the_mean_of_both_rows(two_runs: tuple[TrainRecipe, Path]) -> None:
    """One process that computes both rows, one after the other, and averages by hand."""
    recipe, folder = two_runs
    each: list[dict[str, torch.Tensor]] = []
    for rank in (0, 1):
        model = random_model()
        backward(model, documents(rank), tokenizer(), recipe)
        each.append(gradients(model))
    assert each[0].keys() != each[1].keys(), "each row should leave some weights without gradients"
    averaged = [load_file(folder / f"{rank}.safetensors") for rank in (0, 1)]
    for name, parameter in random_model().named_parameters():
        zero = torch.zeros_like(parameter)
        expected = (each[0].get(name, zero) + each[1].get(name, zero)) / 2
        assert torch.equal(averaged[0][name], averaged[1][name])
        assert torch.allclose(averaged[0][name], expected, rtol=1e-4, atol=1e-6), name


def test_two_processes_write_one_checkpoint(two_runs: tuple[TrainRecipe, Path]) -> None:
    recipe, _ = two_runs
    load_pipeline(recipe.out / "checkpoint")
    state = load_file(recipe.out / "state.safetensors")
    assert state["step"] == 3
    assert not list(recipe.out.glob("*.partial"))


def test_two_processes_see_different_documents(
    recipe: TrainRecipe, two_runs: tuple[TrainRecipe, Path]
) -> None:
    """With the same documents in both, averaging would change nothing: the run would equal that of one."""
    both, _ = two_runs
    train(changed(both, out=recipe.out))
    alone, together = state_of(recipe, "model"), state_of(both, "model")
    assert any(not torch.allclose(value, together[name], atol=1e-4) for name, value in alone.items())


def test_the_whole_way_from_recipe_files(tmp_path: Path) -> None:
    """Tokenizer, autoencoder, model: as `make embedded` runs them, in seconds."""
    files = {
        "tokenizer": {"out": "parts", "texts": 500},
        "autoencoder": {
            "out": "parts",
            "steps": 1,
            "batch": 1,
            "crop": 16,
            "pool": 1,
            "channels": [8, 8],
            "num_blocks": 1,
            "num_scenes": 2,
        },
        "unified": {
            "out": "model",
            "base": str(tmp_path / "parts"),
            "steps": 1,
            "documents": 1,
            "modes": {"initial_full": 1.0},
            "pool": 1,
            "refresh": 0,
            "settings": settings(128).model_dump(mode="json"),
        },
    }
    for kind, content in files.items():
        path = tmp_path / f"{kind}.yaml"
        path.write_text(yaml.safe_dump({"kind": kind, **content, "out": str(tmp_path / str(content["out"]))}))
        run_recipe(read_recipe(path, []))
    made = tmp_path / "model" / "checkpoint"
    assert read_config(made).autoencoder.channels == (8, 8)
    *_, done = load_pipeline(made).generate("a blue star")
    assert isinstance(done, Done) and len(done.trace.turns) == 2
