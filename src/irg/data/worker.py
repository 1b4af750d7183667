"""Loader processes: reading the samples of a row, preparing them, and sending them over."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.utils.data import DataLoader, Dataset

from irg.core import Document
from irg.data.lengths import Measured
from irg.data.mixture import SampleRef
from irg.data.plan import PlannedRow
from irg.data.prepare import Preparer
from irg.data.source import Fault, InputLostError, RowError
from irg.data.streams import Elsewhere, Rejected

_WATCH_SECONDS = 1.0
RETRY_SECONDS = (1.0, 4.0, 15.0)
"""How long storage is waited for before each further attempt."""


@dataclass(frozen=True, eq=False)
class LoadedRow:
    """The documents of a row. Their pixels are arrays, which travel as plain bytes: each tensor would take a
    file descriptor and shared memory, both of which containers are short of."""

    documents: tuple[Document, ...]
    rejected: tuple[Rejected, ...]
    failure: str = ""
    """What went wrong that was not a row's fault, and where."""
    lost: bool = False
    """Whether that was the storage's."""

    def unpack(self) -> tuple[Document, ...]:
        """The documents. Raises InputLostError if storage went away, RuntimeError if anything else failed."""
        if self.lost:
            raise InputLostError(self.failure)
        if self.failure:
            raise RuntimeError(self.failure)
        return self.documents


class RowReader(Dataset[LoadedRow]):
    """Reads planned rows. It can be sent to other processes, and gives the same in all of them."""

    def __init__(self, streams: Sequence[Measured], preparer: Preparer, seed: int) -> None:
        # Each with a source of its own, that keeps what it read: streams that share one go their own ways.
        self._streams = {
            one.stream.name: replace(one.stream, source=copy(one.stream.source)) for one in streams
        }
        self._copies = {one.stream.name: one.copies for one in streams}
        self._preparer, self._seed = preparer, seed

    def __getitem__(self, row: PlannedRow) -> LoadedRow:
        documents, rejected = [], []
        for sample in row.samples:
            try:
                documents.append(self._read_patiently(sample))
            except RowError as error:
                rejected.append(Rejected(sample.stream, error))
            except Exception as failure:
                # Sent as a value: raised here, it would keep the loader, and so its workers, from ending.
                stream = self._streams[sample.stream]
                file, number = stream.source.place(sample.index)
                what = f"{file}, row {number} (stream {stream.name}): {type(failure).__name__}: {failure}"
                if isinstance(failure, OSError):
                    again = f"could be read before and cannot now, in {1 + len(RETRY_SECONDS)} attempts"
                    return LoadedRow((), (), f"{what}: it {again}", lost=True)
                return LoadedRow((), (), f"{what}\n\n{traceback.format_exc()}")
        return LoadedRow(tuple(documents), tuple(rejected))

    def _read_patiently(self, sample: SampleRef) -> Document:
        """Storage may come back. Raises RowError if the sample cannot be used, OSError if it stays away."""
        for seconds in RETRY_SECONDS:
            try:
                return self._read(sample)
            except OSError:
                time.sleep(seconds)
        return self._read(sample)

    def _read(self, sample: SampleRef) -> Document:
        """Raises RowError if the sample cannot be used."""
        stream, seed = self._streams[sample.stream], sample.seed(self._seed)
        try:
            document = stream.document(sample.index, choice=seed)
        except Elsewhere as elsewhere:
            raise stream.error(sample.index, Fault.UNFIT, "it is meant for other modes now") from elsewhere
        ready = self._preparer(document, seed)
        tokens = ready.tokens_with(self._copies[sample.stream])
        if tokens > sample.length:
            detail = f"it has {tokens} tokens, and had {sample.length} when it was measured"
            raise stream.error(sample.index, Fault.TOO_LONG, detail)
        return ready


def loaded_rows(
    rows: Iterator[PlannedRow], reader: RowReader, num_workers: int, ahead: int
) -> Generator[LoadedRow]:
    """What `reader` makes of the rows, in order. Workers, if any, are at most about `ahead` rows ahead.

    Closing the generator ends the workers; they also end when this process is killed.
    """
    context = None
    if num_workers:
        # Forked workers start at once. They use no accelerator and no threads, which forking would break.
        context = "fork" if sys.platform == "linux" else "spawn"
    loader = DataLoader(
        reader,
        sampler=rows,  # type: ignore[arg-type] - an iterator will do: it is gone through once
        batch_size=None,
        num_workers=num_workers,
        collate_fn=_as_it_is,  # type: ignore[arg-type] - without batches it is given single rows
        prefetch_factor=-(-ahead // num_workers) if num_workers else None,
        worker_init_fn=partial(_begin, os.getpid()),
        multiprocessing_context=context,
        generator=torch.Generator(),  # the loader draws a seed, which must not come from the global generator
    )
    yield from loader


def _begin(parent: int, _: int) -> None:
    """Called in each worker. Ctrl-C is for the main process, which ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A worker that was sending when its parent was killed would wait forever for it to receive."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _as_it_is(row: LoadedRow) -> LoadedRow:
    return row
