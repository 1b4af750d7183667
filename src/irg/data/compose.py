"""Ready documents to sequences: latents, noise and dropout, each document's own seed deciding all of them.

So a document composes to the same sequence whichever process does it, in whatever company.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b

import torch
from einops import rearrange

from irg.core import BranchKind, Document, Kind, Role, Segment, keeps
from irg.data.prepare import Ready, ReadyImage, ReadyText
from irg.model import Autoencoder, ModelConfig
from irg.model.autoencoder import to_tokens
from irg.prep import patches

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

    def __call__(self, documents: Sequence[Ready]) -> list[Document]:
        """All pictures of the documents are encoded together, by size: padding would change latents."""
        generators = [torch.Generator().manual_seed(document.seed) for document in documents]
        wanted = [
            (part, generator)
            for document, generator in zip(documents, generators, strict=True)
            for part in document.parts
            if isinstance(part, ReadyImage) and part.latent_pixels is not None
        ]
        latents = iter(self._encode([part for part, _ in wanted], [one for _, one in wanted]))
        return [
            self._sequence(document, latents, generator)
            for document, generator in zip(documents, generators, strict=True)
        ]

    def _sequence(
        self, document: Ready, latents: Iterator[torch.Tensor], generator: torch.Generator
    ) -> Document:
        segments: list[Segment] = []
        for part in document.parts:
            if isinstance(part, ReadyText):
                segments.append(Segment(Kind.TEXT, part.role, part.ids, turn=part.turn, loss=part.loss))
            else:
                tokens = next(latents) if part.latent_pixels is not None else None
                segments += self._images(part, tokens, generator)
        return Document(tuple(dropped(segments, self.dropout, generator)))

    def _images(
        self, part: ReadyImage, latent_MV: torch.Tensor | None, generator: torch.Generator
    ) -> Iterator[Segment]:
        if part.noisy:
            assert latent_MV is not None
            yield from noised(part, latent_MV, self.noising, generator)
        if part.clean:
            assert latent_MV is not None
            yield Segment(Kind.CLEAN, Role.IMAGE, latent_MV, turn=part.turn, grid=part.latent_grid)
        if part.view:
            assert part.view_pixels is not None
            pixels = _scaled(part.view_pixels.to(self._device))
            patch_PD = patches(pixels[0], self.config.vision.patch)
            yield Segment(Kind.VIEW, Role.IMAGE, patch_PD, turn=part.turn, grid=part.view_grid)

    @property
    def _device(self) -> torch.device:
        return next(self.autoencoder.parameters()).device

    def _encode(
        self, parts: Sequence[ReadyImage], generators: Sequence[torch.Generator]
    ) -> list[torch.Tensor]:
        """Latent tokens [M, V] of every part, in float32."""
        found: list[torch.Tensor | None] = [None] * len(parts)
        by_size: dict[tuple[int, ...], list[int]] = {}
        keys: dict[int, bytes] = {}
        for index, part in enumerate(parts):
            assert part.latent_pixels is not None
            if self.remember and not self.autoencoder.sampled:
                keys[index] = blake2b(part.latent_pixels.numpy().tobytes()).digest()
                found[index] = self._remembered.get(keys[index])
            if found[index] is None:
                by_size.setdefault(tuple(part.latent_pixels.shape), []).append(index)
        for indices in by_size.values():
            for start in range(0, len(indices), ENCODED_TOGETHER):
                chunk = indices[start : start + ENCODED_TOGETHER]
                for index, tokens in zip(chunk, self._encode_batch(parts, generators, chunk), strict=True):
                    found[index] = tokens
                    if index in keys:
                        self._keep(keys[index], tokens)
        assert all(tokens is not None for tokens in found)
        return [tokens for tokens in found if tokens is not None]

    @torch.no_grad()
    def _encode_batch(
        self, parts: Sequence[ReadyImage], generators: Sequence[torch.Generator], chunk: list[int]
    ) -> torch.Tensor:
        dtype = next(self.autoencoder.parameters()).dtype
        images = [parts[index].latent_pixels for index in chunk]
        pixels_BCHW = _scaled(torch.stack([image for image in images if image is not None]).to(self._device))
        noise = None
        if self.autoencoder.sampled:
            shape = self.autoencoder.latent_shape(*pixels_BCHW.shape[2:])
            noise = torch.stack([torch.randn(shape, generator=generators[index]) for index in chunk])
            noise = noise.to(self._device, dtype)
        latent_BChw = self.autoencoder.encode(pixels_BCHW.to(dtype), noise)
        return to_tokens(latent_BChw, self.config.latent_patch).float()

    def _keep(self, key: bytes, tokens: torch.Tensor) -> None:
        if len(self._remembered) >= self.remember:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[key] = tokens.clone()


def noised(
    part: ReadyImage, latent_MV: torch.Tensor, noising: Noising, generator: torch.Generator
) -> list[Segment]:
    """NOISY copies of a picture: x_t = (1 - t) x + t noise, target noise - x (rectified flow)."""
    copies = []
    for _ in range(noising.copies):
        raw = torch.sigmoid(torch.randn((), generator=generator)).item()
        t = noising.shift * raw / (1 + (noising.shift - 1) * raw)
        noise = torch.randn(latent_MV.shape, generator=generator).to(latent_MV.device)
        noisy_MV, target_MV = (1 - t) * latent_MV + t * noise, noise - latent_MV
        copies.append(
            Segment(
                Kind.NOISY,
                Role.IMAGE,
                noisy_MV,
                turn=part.turn,
                grid=part.latent_grid,
                timestep=t,
                target=target_MV,
            )
        )
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


def _scaled(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [B, H, W, 3] or [H, W, 3] -> [B, 3, H, W] in [-1, 1]."""
    batch = pixels if pixels.ndim == 4 else pixels[None]
    return (rearrange(batch, "B H W C -> B C H W").float() / 255 - 0.5) / 0.5
