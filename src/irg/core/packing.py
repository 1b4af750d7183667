"""Packing: many documents in one row of tokens, as flat tensors ready for the model.

Shape suffixes: T tokens of the row, N text tokens (delimiters included), M latent tokens, P patches, C values
of a latent token, D values of a patch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

from irg.core.segment import Document, Kind, Route, Segment

IGNORE = -100
"""Label of a token that predicts nothing (the default ignore_index of torch's cross-entropy)."""


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the four delimiters."""

    text_start: int
    text_end: int
    image_start: int
    image_end: int


@dataclass(frozen=True, eq=False)
class Packed:
    """A packed row. Every index is a place in the row; documents and segments count from 0 over all of it."""

    kind_T: torch.Tensor
    segment_T: torch.Tensor
    document_T: torch.Tensor
    column_T: torch.Tensor
    """Place of the token inside its own document: the key/value slot it takes there."""
    position_T: torch.Tensor
    label_T: torch.Tensor
    """The token to predict at this place, or IGNORE."""

    text_index_N: torch.Tensor
    text_id_N: torch.Tensor

    latent_index_M: torch.Tensor
    latent_MC: torch.Tensor | None
    latent_row_M: torch.Tensor
    latent_column_M: torch.Tensor
    timestep_M: torch.Tensor
    noisy_M: torch.Tensor
    """True where the latent token belongs to a NOISY segment."""
    target_MC: torch.Tensor | None
    """Velocity to predict; rows of tokens without a target are zero. None where no segment has a target."""
    has_target_M: torch.Tensor

    patch_index_P: torch.Tensor
    patch_PD: torch.Tensor | None
    patch_row_P: torch.Tensor
    patch_column_P: torch.Tensor
    view_lengths: tuple[int, ...]
    """Patches of each VIEW segment, in order: attention in the vision tower stays within one image."""

    document_lengths: tuple[int, ...]
    document_advances: tuple[int, ...]
    """How far each document moved the position."""

    @property
    def num_tokens(self) -> int:
        return self.kind_T.shape[0]

    @property
    def route_T(self) -> torch.Tensor:
        """Which expert reads each token: latents the generation expert, all else the understanding expert."""
        route_T = torch.full_like(self.kind_T, int(Route.UNDERSTANDING))
        route_T[self.latent_index_M] = int(Route.GENERATION)
        return route_T

    @property
    def understanding_index_U(self) -> torch.Tensor:
        """Places of the understanding expert's tokens, texts and delimiters first and patches after them."""
        return torch.cat([self.text_index_N, self.patch_index_P])

    @property
    def num_documents(self) -> int:
        return len(self.document_lengths)

    def to(self, device: torch.device | str) -> "Packed":
        moved = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), torch.Tensor)
        }
        return replace(self, **moved)

    def with_latents(self, latent_MC: torch.Tensor, timestep: float) -> "Packed":
        """The same row one denoising step on: other latents in the NOISY tokens, another time.

        Only for rows whose latent tokens are all NOISY, as they are while an image is being drawn.
        """
        return replace(self, latent_MC=latent_MC, timestep_M=torch.full_like(self.timestep_M, timestep))


def pack(
    documents: Sequence[Document], special: SpecialTokens, starts: Sequence[int] | None = None
) -> Packed:
    """Lay out documents one after the other.

    `starts` are the positions at which the documents begin: 0 for training rows, a context's position when
    the documents continue cached contexts.
    """
    starts = [0] * len(documents) if starts is None else list(starts)
    if len(starts) != len(documents):
        raise ValueError(f"{len(documents)} documents but {len(starts)} start positions")
    row = _Row(special)
    for document, start in zip(documents, starts, strict=True):
        row.add_document(document, start)
    return row.finish()


def pack_tokens(runs: Sequence[Sequence[int]], starts: Sequence[int]) -> Packed:
    """A run of text tokens per document, without delimiters: for decoding, where texts grow by the token."""
    lengths = [len(run) for run in runs]
    document = torch.arange(len(runs)).repeat_interleave(torch.tensor(lengths))
    column = torch.cat([torch.arange(length) for length in lengths])
    none, no_flag = torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.bool)
    return Packed(
        kind_T=torch.full_like(document, int(Kind.TEXT)),
        segment_T=document,
        document_T=document,
        column_T=column,
        position_T=torch.tensor(starts)[document] + column,
        label_T=torch.full_like(document, IGNORE),
        text_index_N=torch.arange(len(document)),
        text_id_N=torch.tensor([token for run in runs for token in run]),
        latent_index_M=none,
        latent_MC=None,
        latent_row_M=none,
        latent_column_M=none,
        timestep_M=torch.empty(0),
        noisy_M=no_flag,
        target_MC=None,
        has_target_M=no_flag,
        patch_index_P=none,
        patch_PD=None,
        patch_row_P=none,
        patch_column_P=none,
        view_lengths=(),
        document_lengths=tuple(lengths),
        document_advances=tuple(lengths),
    )


class _Row:
    """Collects the columns of a packed row segment by segment."""

    def __init__(self, special: SpecialTokens) -> None:
        self.special = special
        self.kind: list[int] = []
        self.segment: list[int] = []
        self.document: list[int] = []
        self.column: list[int] = []
        self.position: list[int] = []
        self.label: list[int] = []
        self.text_index: list[int] = []
        self.text_id: list[int] = []
        self.latents: list[Segment] = []
        self.latent_index: list[int] = []
        self.views: list[Segment] = []
        self.patch_index: list[int] = []
        self.num_segments = 0
        self.lengths: list[int] = []
        self.advances: list[int] = []

    def add_document(self, document: Document, start: int) -> None:
        position, first = start, len(self.kind)
        for segment in document:
            self._add_segment(segment, position, first)
            position += segment.advance
        self.lengths.append(len(self.kind) - first)
        self.advances.append(position - start)

    def _add_segment(self, segment: Segment, position: int, first: int) -> None:
        num, offset = segment.num_tokens, len(self.kind)
        is_text = segment.kind is Kind.TEXT
        self.kind += [int(segment.kind)] * num
        self.segment += [self.num_segments] * num
        self.document += [len(self.lengths)] * num
        self.column += range(offset - first, offset - first + num)
        self.position += range(position, position + num) if is_text else [position] * num
        self.num_segments += 1
        if is_text:
            ids = [self.special.text_start, *segment.ids, self.special.text_end]
            self.text_index += range(offset, offset + num)
            self.text_id += ids
            self.label += [*ids[1:], IGNORE] if segment.loss else [IGNORE] * num
            return
        self.text_index += [offset, offset + num - 1]
        self.text_id += [self.special.image_start, self.special.image_end]
        self.label += [IGNORE] * num
        if segment.kind is Kind.VIEW:
            self.views.append(segment)
            self.patch_index += range(offset + 1, offset + num - 1)
        else:
            self.latents.append(segment)
            self.latent_index += range(offset + 1, offset + num - 1)

    def finish(self) -> Packed:
        view_rows, view_columns = _places(self.views)
        latent_rows, latent_columns = _places(self.latents)
        targets = [segment.target is not None for segment in self.latents]
        sizes = [len(segment.values) for segment in self.latents]
        return Packed(
            kind_T=torch.tensor(self.kind),
            segment_T=torch.tensor(self.segment),
            document_T=torch.tensor(self.document),
            column_T=torch.tensor(self.column),
            position_T=torch.tensor(self.position),
            label_T=torch.tensor(self.label),
            text_index_N=torch.tensor(self.text_index),
            text_id_N=torch.tensor(self.text_id),
            latent_index_M=torch.tensor(self.latent_index, dtype=torch.long),
            latent_MC=_joined([segment.values for segment in self.latents]),
            latent_row_M=latent_rows,
            latent_column_M=latent_columns,
            timestep_M=_repeated([segment.timestep for segment in self.latents], sizes).float(),
            noisy_M=_repeated([segment.kind is Kind.NOISY for segment in self.latents], sizes).bool(),
            target_MC=_joined([_target(segment) for segment in self.latents]) if any(targets) else None,
            has_target_M=_repeated(targets, sizes).bool(),
            patch_index_P=torch.tensor(self.patch_index, dtype=torch.long),
            patch_PD=_joined([segment.values for segment in self.views]),
            patch_row_P=view_rows,
            patch_column_P=view_columns,
            view_lengths=tuple(len(segment.values) for segment in self.views),
            document_lengths=tuple(self.lengths),
            document_advances=tuple(self.advances),
        )


def _target(segment: Segment) -> torch.Tensor:
    return torch.zeros_like(segment.values) if segment.target is None else segment.target


def _joined(parts: list) -> torch.Tensor | None:
    return torch.cat(parts) if parts else None


def _repeated(values: list, sizes: list[int]) -> torch.Tensor:
    if not values:
        return torch.empty(0)
    return torch.tensor(values).repeat_interleave(torch.tensor(sizes, dtype=torch.long))


def _places(segments: list[Segment]) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column of every token of the image segments, row by row."""
    rows, columns = [torch.empty(0, dtype=torch.long)], [torch.empty(0, dtype=torch.long)]
    for segment in segments:
        assert segment.grid is not None
        rows.append(torch.arange(segment.grid.rows).repeat_interleave(segment.grid.columns))
        columns.append(torch.arange(segment.grid.columns).repeat(segment.grid.rows))
    return torch.cat(rows), torch.cat(columns)
