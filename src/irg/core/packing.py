"""Packing: many documents in one row of tokens, as flat tensors ready for the model.

Shape suffixes: T tokens of the row, N text tokens (delimiters included), M latent tokens, P patches, C values
of a latent token, D values of a patch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Any

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


_NO_INDEX = torch.empty(0, dtype=torch.long)
_NO_TIME = torch.empty(0)
_NO_FLAG = torch.empty(0, dtype=torch.bool)


@dataclass(frozen=True, eq=False, kw_only=True)
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

    latent_index_M: torch.Tensor = _NO_INDEX
    latent_MC: torch.Tensor | None = None
    latent_row_M: torch.Tensor = _NO_INDEX
    latent_column_M: torch.Tensor = _NO_INDEX
    timestep_M: torch.Tensor = _NO_TIME
    noisy_M: torch.Tensor = _NO_FLAG
    """True where the latent token belongs to a NOISY segment."""
    target_MC: torch.Tensor | None = None
    """Velocity to predict; rows of tokens without a target are zero. None where no segment has a target."""
    has_target_M: torch.Tensor = _NO_FLAG

    patch_index_P: torch.Tensor = _NO_INDEX
    patch_PD: torch.Tensor | None = None
    patch_row_P: torch.Tensor = _NO_INDEX
    patch_column_P: torch.Tensor = _NO_INDEX
    view_lengths: tuple[int, ...] = ()
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
    segments = [segment for document in documents for segment in document]
    latents = [segment for segment in segments if segment.kind in (Kind.CLEAN, Kind.NOISY)]
    views = [segment for segment in segments if segment.kind is Kind.VIEW]
    begins: list[int] = []  # the position of each segment
    ends: list[int] = []  # and of each document's end
    for document, start in zip(documents, starts, strict=True):
        *begun, end = accumulate((segment.advance for segment in document), initial=start)
        begins += begun
        ends.append(end)
    nums = torch.tensor([segment.num_tokens for segment in segments])
    segment_T, within_T = _runs(nums)
    document_T, column_T = _runs(torch.tensor([document.num_tokens for document in documents]))
    kind_T = torch.tensor([int(segment.kind) for segment in segments])[segment_T]
    is_text_T = kind_T == int(Kind.TEXT)
    is_inside_T = ~is_text_T & (within_T > 0) & (within_T < nums[segment_T] - 1)
    is_view_T = kind_T == int(Kind.VIEW)
    patch_row_P, patch_column_P = _places(views)
    text_index_N = (~is_inside_T).nonzero().flatten()
    text_id_N = torch.tensor([token for segment in segments for token in _ids(segment, special)])
    label_T = torch.full_like(kind_T, IGNORE)
    # What is learned of a text is all but its first token, each at the place of the one before it.
    learned_T = torch.tensor([segment.loss for segment in segments])[segment_T] & is_text_T & (within_T > 0)
    label_T[:-1][learned_T[1:]] = text_id_N[learned_T[text_index_N]]
    return Packed(
        kind_T=kind_T,
        segment_T=segment_T,
        document_T=document_T,
        column_T=column_T,
        position_T=torch.tensor(begins)[segment_T] + within_T * is_text_T,
        label_T=label_T,
        text_index_N=text_index_N,
        text_id_N=text_id_N,
        latent_index_M=(is_inside_T & ~is_view_T).nonzero().flatten(),
        patch_index_P=(is_inside_T & is_view_T).nonzero().flatten(),
        patch_PD=_joined(views),
        patch_row_P=patch_row_P,
        patch_column_P=patch_column_P,
        view_lengths=tuple(len(segment.values) for segment in views),
        document_lengths=tuple(document.num_tokens for document in documents),
        document_advances=tuple(end - start for end, start in zip(ends, starts, strict=True)),
        **_latents(latents),
    )


def pack_tokens(runs: Sequence[Sequence[int]], starts: Sequence[int]) -> Packed:
    """A run of text tokens per document, without delimiters: for decoding, where texts grow by the token."""
    lengths = tuple(len(run) for run in runs)
    document_T, column_T = _runs(torch.tensor(lengths))
    return Packed(
        kind_T=torch.full_like(document_T, int(Kind.TEXT)),
        segment_T=document_T,
        document_T=document_T,
        column_T=column_T,
        position_T=torch.tensor(starts)[document_T] + column_T,
        label_T=torch.full_like(document_T, IGNORE),
        text_index_N=torch.arange(len(document_T)),
        text_id_N=torch.tensor([token for run in runs for token in run]),
        document_lengths=lengths,
        document_advances=lengths,
    )


def _runs(lengths_R: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The number of the run that each token is of, and its place in that: of runs of these lengths."""
    run_T = torch.arange(len(lengths_R)).repeat_interleave(lengths_R)
    return run_T, torch.arange(len(run_T)) - (lengths_R.cumsum(0) - lengths_R)[run_T]


def _ids(segment: Segment, special: SpecialTokens) -> tuple[int, ...]:
    """The text tokens of a segment: of an image its delimiters."""
    if segment.kind.is_image:
        return special.image_start, special.image_end
    return special.text_start, *segment.ids, special.text_end


def _latents(segments: list[Segment]) -> dict[str, Any]:
    """What a row says of its CLEAN and NOISY segments."""
    sizes = torch.tensor([len(segment.values) for segment in segments], dtype=torch.long)
    timesteps = torch.tensor([segment.timestep for segment in segments], dtype=torch.float)
    noisy = torch.tensor([segment.kind is Kind.NOISY for segment in segments], dtype=torch.bool)
    has_target = [segment.target is not None for segment in segments]
    targets = [
        torch.zeros_like(segment.values) if segment.target is None else segment.target for segment in segments
    ]
    rows, columns = _places(segments)
    return {
        "latent_MC": _joined(segments),
        "latent_row_M": rows,
        "latent_column_M": columns,
        "timestep_M": timesteps.repeat_interleave(sizes),
        "noisy_M": noisy.repeat_interleave(sizes),
        "target_MC": torch.cat(targets) if any(has_target) else None,
        "has_target_M": torch.tensor(has_target, dtype=torch.bool).repeat_interleave(sizes),
    }


def _joined(segments: list[Segment]) -> torch.Tensor | None:
    return torch.cat([segment.values for segment in segments]) if segments else None


def _places(segments: list[Segment]) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column of every token of the image segments, row by row."""
    rows, columns = [_NO_INDEX], [_NO_INDEX]
    for segment in segments:
        assert segment.grid is not None
        rows.append(torch.arange(segment.grid.rows).repeat_interleave(segment.grid.columns))
        columns.append(torch.arange(segment.grid.columns).repeat(segment.grid.rows))
    return torch.cat(rows), torch.cat(columns)
