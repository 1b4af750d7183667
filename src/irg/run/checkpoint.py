"""Checkpoints of a run: written behind its back, visible only when whole, loaded by any number of ranks.

A checkpoint is a folder `step-00000100` (its content: `irg.run.saved`). It is written under another name
and renamed when all of it is on the disk, so that a run that is killed at any moment leaves whole checkpoints
only.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict_saver import save

from irg.core.files import delete
from irg.model.checkpoint import CheckpointError
from irg.model.weights import is_finite
from irg.run.low_bit import fill_low_bit, low_bit_names, pieces, whole_name
from irg.run.saved import PLAIN, Files, Saved, read_index, read_json, step_folder, step_name, steps_in
from irg.run.staging import CopyPlanner, HostCopies
from irg.run.state import gathered, local
from irg.run.storage import FolderWriter, sync

_REPLACED = re.compile(r"\.(step-\d{8,})\.replaced")
_MOST_PROBLEMS = 20
_NO_GROUP = "torch.distributed is disabled"
"""What torch warns of when there is one process without a group, which is as good as one with."""


class SaveError(OSError):
    """A checkpoint could not be written; the message says which rank met what."""


class NonFiniteError(ValueError):
    """Training has come to numbers that are infinite or none; what was saved before is as it was."""


class Checkpoints:
    """The newest `keep` checkpoints of a run, in `folder`, which all ranks see.

    Every rank makes one and makes the same calls in the same order: all but `steps` involve all ranks.
    `identity` is a JSON object that says what must be the same in a run that goes on from one of these
    checkpoints.
    """

    def __init__(self, folder: Path, keep: int, identity: Mapping[str, Any]) -> None:
        if keep < 1:
            raise ValueError(f"cannot keep {keep} checkpoints, expected at least 1")
        self.folder, self.keep = folder, keep
        self.identity = json.loads(_to_json(identity, "the identity"))
        self.is_distributed = dist.is_initialized()
        self.rank = dist.get_rank() if self.is_distributed else 0
        self.world = dist.get_world_size() if self.is_distributed else 1
        # A group of its own: saving talks from another thread, beside the training's own collectives.
        self._group = _new_group() if self.is_distributed else None
        self._copies = HostCopies()
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._in_flight: Future | None = None
        if not self.is_distributed:
            warnings.filterwarnings("ignore", message=_NO_GROUP, category=UserWarning)
        if self.rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            _clear_leftovers(folder)

    def latest(self) -> int | None:
        """The newest step, as rank 0 sees it; None if there is no checkpoint."""
        self.wait()
        return gathered(max(steps_in(self.folder), default=None), self._group)[0]

    def save(self, step: int, tensors: dict[str, Any], plain: dict[str, Any]) -> None:
        """Begin to save, and return as soon as the tensors are copied to the host and may change.

        `tensors` are nested dictionaries of tensors, whose keys become names joined by `/`; the first are the
        parts that can be loaded one by one. `plain` is a JSON object, of which rank 0's counts. Waits for the
        checkpoint in flight, if there is one, and raises its SaveError; raises NonFiniteError, on all ranks,
        where a tensor holds what is no number or infinite.
        """
        self.wait()
        about = {"step": step, "identity": self.identity, "plain": plain}
        partial = self.folder / f".{step_name(step)}.partial"
        with torch.no_grad():
            flat = _named(tensors)
            for name in low_bit_names(flat, self._group):
                flat |= pieces(name, flat.pop(name))
            self._refuse_non_finite(step, flat)
            planner = CopyPlanner(self._copies.take(flat))
        content = _to_json(about, "what is saved")
        writer = FolderWriter(partial, self.rank, content, lambda: self._publish(step, partial))
        self._in_flight = self._thread.submit(
            save,
            flat,
            storage_writer=writer,
            planner=planner,
            process_group=self._group,
            no_dist=not self.is_distributed,
        )

    def _refuse_non_finite(self, step: int, flat: Mapping[str, torch.Tensor]) -> None:
        broken = {name for name, one in flat.items() if not is_finite(local(one))}
        if everywhere := sorted(set().union(*gathered(broken, self._group))):
            listed = ", ".join(everywhere[:3]) + (", ..." if len(everywhere) > 3 else "")
            raise NonFiniteError(
                f"{self.folder}: step {step} is not saved: {len(everywhere)} tensors hold NaN or infinity "
                f"({listed})"
            )

    def wait(self) -> None:
        """Until the checkpoint in flight is there. Raises SaveError if it could not be written."""
        if self._in_flight is None:
            return
        in_flight, self._in_flight = self._in_flight, None
        try:
            in_flight.result()
        except CheckpointException as failure:
            if self.rank == 0 and self.folder.is_dir():  # where there was no room, there is some again
                _clear_leftovers(self.folder)
            causes = {rank: f"{type(one).__name__}: {one}" for rank, (one, _) in failure.failures.items()}
            raise SaveError(f"{self.folder}: no checkpoint was written: {_by_rank(causes)}") from failure

    def load(self, step: int, tensors: dict[str, Any]) -> dict[str, Any]:
        """Fill `tensors` (nested as for `save`) in place, however they are sharded; returns what was `plain`.

        Only the parts that `tensors` has are read. Raises CheckpointError where within these a name is
        missing or unexpected, a shape or type differs, the run is another, or the checkpoint is damaged.
        """
        self.wait()
        folder = step_folder(self.folder, step)
        about = read_json(folder / PLAIN)
        self._compare_identity(folder, _object(about, "identity", folder))
        saved, wanted = read_index(folder), _named(tensors)
        saved = {name: one for name, one in saved.items() if name.split("/")[0] in tensors}
        with torch.no_grad(), Files(folder) as files:
            done = fill_low_bit(files, saved, wanted, self._group)
            saved = {name: one for name, one in saved.items() if whole_name(name) not in done}
            _compare(folder, saved, wanted)
            with self._together(folder):
                files.compare_checksums(saved, self.rank, self.world)
                for name, tensor in wanted.items():
                    files.fill(tensor, name, saved[name])
        return _object(about, "plain", folder)

    @contextmanager
    def _together(self, folder: Path) -> Iterator[None]:
        """What fails in the block on one rank fails on all: none goes on alone, and waits for the others."""
        failed: str | None = None
        try:
            yield
        except (ValueError, OSError, RuntimeError) as failure:
            failed = f"{type(failure).__name__}: {failure}"
        failures = dict(enumerate(gathered(failed, self._group)))
        if any(failures.values()):
            raise CheckpointError(f"{folder} cannot be loaded: {_by_rank(failures)}")

    def _compare_identity(self, folder: Path, theirs: dict[str, Any]) -> None:
        differences = [
            f"{key} was {theirs.get(key)!r}, is {self.identity.get(key)!r}"
            for key in sorted(theirs.keys() | self.identity.keys())
            if theirs.get(key) != self.identity.get(key)
        ]
        if differences:
            raise CheckpointError(f"{folder} is of another run: {'; '.join(differences)}")

    def _publish(self, step: int, partial: Path) -> None:
        """Give the whole folder its name, and let go of what is no longer kept. Rank 0 only."""
        folder = self.folder / step_name(step)
        if folder.exists():
            folder.rename(self.folder / f".{folder.name}.replaced")
        partial.rename(folder)
        sync(self.folder)
        for old in steps_in(self.folder)[: -self.keep]:
            # Renamed first: one that is half deleted must not look whole.
            (self.folder / step_name(old)).rename(self.folder / f".{step_name(old)}.deleted")
        _clear_leftovers(self.folder)


def _clear_leftovers(folder: Path) -> None:
    """Delete what is no whole checkpoint; one to be replaced comes back if its successor never came."""
    for path in folder.iterdir():
        replaced = _REPLACED.fullmatch(path.name)
        if replaced and not (folder / replaced[1]).exists():
            path.rename(folder / replaced[1])
        elif re.fullmatch(r"\.step-\d{8,}\.(partial|deleted|replaced)", path.name):
            delete(path)


def _new_group() -> dist.ProcessGroup:
    group = dist.new_group(backend="gloo")
    assert isinstance(group, dist.ProcessGroup)  # all ranks are in it
    return group


def _named(tensors: dict[str, Any], above: str = "") -> dict[str, torch.Tensor]:
    flat: dict[str, torch.Tensor] = {}
    for key, value in tensors.items():
        if isinstance(value, dict):
            flat |= _named(value, f"{above}{key}/")
        elif isinstance(value, torch.Tensor):
            flat[above + key] = value
        else:
            raise ValueError(f"{above}{key} is {type(value).__name__}, expected a tensor")
    return flat


def _compare(folder: Path, saved: Mapping[str, Saved], wanted: Mapping[str, torch.Tensor]) -> None:
    """Raises CheckpointError unless the names, shapes and types are the same."""
    problems = [f"missing {name}" for name in wanted.keys() - saved.keys()]
    wholes = set(map(whole_name, wanted))  # other ranks' pieces of the same tensors are none of ours
    problems += [f"unexpected {name}" for name in saved if whole_name(name) not in wholes]
    for name in wanted.keys() & saved.keys():
        if saved[name].shape != wanted[name].shape:
            shapes = f"{saved[name].shape}, expected {tuple(wanted[name].shape)}"
            problems.append(f"{name} has shape {shapes}")
        if saved[name].dtype != wanted[name].dtype:
            problems.append(f"{name} is {saved[name].dtype}, expected {wanted[name].dtype}")
    if problems:
        listed = "; ".join(sorted(problems)[:_MOST_PROBLEMS])
        more = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
        raise CheckpointError(f"{folder}: {len(problems)} problem(s): {listed}{more}")


def _by_rank(failures: Mapping[int, str | None]) -> str:
    by_cause: dict[str, list[int]] = {}
    for rank, cause in sorted(failures.items()):
        if cause is not None:
            by_cause.setdefault(cause, []).append(rank)
    return "; ".join(f"rank {', '.join(map(str, ranks))}: {cause}" for cause, ranks in by_cause.items())


def _object(content: dict[str, Any], key: str, folder: Path) -> dict[str, Any]:
    if not isinstance(content.get(key), dict):
        raise CheckpointError(f"{folder / PLAIN} is damaged: {key} is {content.get(key)!r}")
    return content[key]


def _to_json(content: Mapping[str, Any], what: str) -> str:
    try:
        return json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as wrong:
        raise ValueError(f"{what} is not JSON: {wrong}") from wrong
