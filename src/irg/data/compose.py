"""Prepared documents made ready for the model: latents, noise and dropout, decided by each document's seed.

So a document is composed to the same whichever process does it, in whatever company.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b

import numpy as np
import torch

from irg.core import BranchKind, Document, Kind, Segment, keeps
from irg.model import Autoencoder, ModelConfig
from irg.model.autoencoder import encode_by_size
from irg.prep import patches, to_pixels

ENCODED_TOGETHER = 8
"""Pictures of one size in one call of the autoencoder: more need memory and gain nothing."""


@dataclass(frozen=True)
class Dropout:
    """Probabilities that a document goes without something, each drawn on its own.

    `text` and `image` leave out what the guidance branch of that name leaves out, so that guidance evaluates
    what training saw; `clean` and `view` leave out one form of the images looked at.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by recipes

    text: float = 0.0
    image: float = 0.0
    clean: float = 0.0
    view: float = 0.0

    def __post_init__(self) -> None:
        for name, chance in asdict(self).items():
            if not 0 <= chance <= 1:
                raise ValueError(f"dropout of {name} {chance}: expected a probability")


@dataclass(frozen=True)
class Noising:
    """How supervised images are noised: t = sigmoid(N(0, 1)), shifted; `copies` independent ones per image.

    Nobody sees a NOISY segment but itself, so several copies share one context.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by recipes

    shift: float = 4.0
    copies: int = 1

    def __post_init__(self) -> None:
        if self.shift <= 0 or self.copies < 1:
            raise ValueError(f"{self}: expected a shift above 0 and at least 1 copy")


@dataclass
class Composer:
    """Composes documents for one model. Pictures are encoded by `autoencoder`, on its device.

    `remember` keeps so many pictures' latents, for small worlds in which pictures come again; only where
    the autoencoder draws nothing at random.
    """

    config: ModelConfig
    autoencoder: Autoencoder
    noising: Noising
    dropout: Dropout
    remember: int = 0
    _remembered: dict[bytes, torch.Tensor] = field(default_factory=dict, repr=False)

    def __call__(self, documents: Sequence[Document]) -> list[Document]:
        """All pictures of the documents are encoded together, by size."""
        generators = [torch.Generator().manual_seed(document.seed) for document in documents]
        latents = self._latents(documents, generators)
        return [
            self._composed(document, tokens, generator)
            for document, tokens, generator in zip(documents, latents, generators, strict=True)
        ]

    def _composed(
        self, document: Document, latents: dict[int, torch.Tensor], generator: torch.Generator
    ) -> Document:
        segments: list[Segment] = []
        for segment in document:
            if segment.kind is Kind.TEXT:
                segments.append(segment)
            elif segment.kind is Kind.VIEW:
                pixels_CHW = to_pixels([segment.pixels], self._device)[0]
                segments.append(replace(segment, data=patches(pixels_CHW, self.config.vision.patch)))
            else:
                encoded = replace(segment, data=latents[id(segment.data)])
                is_noisy = segment.kind is Kind.NOISY
                segments += noised_copies(encoded, self.noising, generator) if is_noisy else [encoded]
        return replace(document, segments=tuple(dropped(segments, self.dropout, generator)))

    @property
    def _device(self) -> torch.device:
        return next(self.autoencoder.parameters()).device

    def _latents(
        self, documents: Sequence[Document], generators: Sequence[torch.Generator]
    ) -> list[dict[int, torch.Tensor]]:
        """Of each document, latent tokens [M, V] in float32 by the `id` of the pixels they were made of."""
        wanted = {
            (number, id(segment.data)): segment.pixels
            for number, document in enumerate(documents)
            for segment in document
            if segment.kind in (Kind.CLEAN, Kind.NOISY)
        }
        digests: dict[tuple[int, int], bytes] = {}
        if self.remember and not self.autoencoder.sampled:
            digests = {key: blake2b(pixels.tobytes()).digest() for key, pixels in wanted.items()}
        latents: list[dict[int, torch.Tensor]] = [{} for _ in documents]
        missing = []
        for number, pixels in wanted:
            known = self._remembered.get(digests.get((number, pixels), b""))
            if known is None:
                missing.append((number, pixels))
            else:
                latents[number][pixels] = known
        found = self._encode([wanted[key] for key in missing], [generators[number] for number, _ in missing])
        for index, tokens in found.items():
            number, pixels = missing[index]
            latents[number][pixels] = tokens
            if digests:
                self._keep(digests[number, pixels], tokens)
        return latents

    @torch.no_grad()
    def _encode(
        self, pictures: Sequence[np.ndarray], generators: Sequence[torch.Generator]
    ) -> dict[int, torch.Tensor]:
        autoencoder = self.autoencoder
        dtype = next(autoencoder.parameters()).dtype
        noises: list[torch.Tensor] = []
        if autoencoder.sampled:  # in each document's own order: that of the sizes depends on its company
            noises = [
                torch.randn(autoencoder.latent_shape(*pixels.shape[:2]), generator=generator)
                for pixels, generator in zip(pictures, generators, strict=True)
            ]
        tokens = encode_by_size(
            autoencoder,
            pictures,
            lambda batch: to_pixels(batch, self._device).to(dtype),
            lambda index, shape: noises[index],
            self.config.latent_patch,
            ENCODED_TOGETHER,
        )
        return {index: token_MV.float() for index, token_MV in tokens.items()}

    def _keep(self, key: bytes, tokens: torch.Tensor) -> None:
        if len(self._remembered) >= self.remember:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[key] = tokens.clone()


def noised(clean: Segment, timestep: float, noise_MV: torch.Tensor) -> Segment:
    """Latents as they are at time t: x_t = (1 - t) x + t noise, with target noise - x (rectified flow)."""
    noisy_MV = (1 - timestep) * clean.values + timestep * noise_MV
    return replace(clean, kind=Kind.NOISY, data=noisy_MV, timestep=timestep, target=noise_MV - clean.values)


def noised_copies(clean: Segment, noising: Noising, generator: torch.Generator) -> list[Segment]:
    """Independent copies, times and noise drawn at random."""
    copies = []
    for _ in range(noising.copies):
        raw = torch.sigmoid(torch.randn((), generator=generator)).item()
        timestep = noising.shift * raw / (1 + (noising.shift - 1) * raw)
        noise_MV = torch.randn(clean.values.shape, generator=generator).to(clean.values.device)
        copies.append(noised(clean, timestep, noise_MV))
    return copies


def dropped(segments: list[Segment], dropout: Dropout, generator: torch.Generator) -> list[Segment]:
    """Leave out what a guidance branch leaves out, and forms of images, so that training sees what guidance
    will evaluate.

    Only documents that draw go without a branch's parts, since only drawing is guided. The others need
    something to look at: they go without one form of an image only where the other one is there. The random
    numbers are drawn in any case, so that the generator's course does not depend on what is dropped.
    """
    chances = torch.tensor([dropout.text, dropout.image, dropout.clean, dropout.view])
    text, image, clean, view = (torch.rand(4, generator=generator) < chances).tolist()
    forms = {kind for kind, hit in ((Kind.CLEAN, clean), (Kind.VIEW, view)) if hit}
    turns = [segment.turn for segment in segments if segment.kind is Kind.NOISY]
    if not turns:
        both = {Kind.CLEAN, Kind.VIEW} <= {segment.kind for segment in segments}
        return [one for one in segments if one.kind not in forms or not both or len(forms) > 1]
    branches = [kind for kind, hit in ((BranchKind.TEXT, text), (BranchKind.IMAGE, image)) if hit]

    def stays(segment: Segment) -> bool:
        return segment.kind not in forms and all(keeps(kind, segment, turns[-1]) for kind in branches)

    return [segment for segment in segments if segment.kind is Kind.NOISY or stays(segment)]
