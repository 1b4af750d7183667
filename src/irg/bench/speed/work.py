"""What an episode needs at least: the products of matrices, and the bytes that are read.

Counted from sizes alone, whatever the code does. Guidance branches, the delimiters around latents and what
the image branch reads anew are needed; padding, masks and copies are not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from irg.bench.speed.workload import EpisodeWorkload
from irg.core.segment import DELIMITERS
from irg.engine import Guidance, shifted_schedule
from irg.engine.saving import evaluated
from irg.model import Autoencoder, ModelConfig
from irg.model.parts import ModelPart, part_of
from irg.model.unified import skeleton

_OFFERED = 3
"""Of the projections of an expert, the first: queries, keys and values."""


@dataclass(frozen=True)
class Product:
    """`batch` times [rows, inner] by [inner, columns]."""

    rows: int
    inner: int
    columns: int
    batch: int = 1

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class NeededWork:
    """Of one phase. `products` are of the decoder; `other_flops` of vision tower and autoencoder."""

    products: tuple[tuple[Product, int], ...] = ()
    """Each with how often."""
    other_flops: float = 0.0
    values: float = 0.0
    """Weights, keys and values that are read, in numbers of values."""
    tokens: int = 0
    """Written or read texts, pictures read, or latents times evaluations."""

    @property
    def flops(self) -> float:
        return self.other_flops + sum(product.flops * times for product, times in self.products)

    def __add__(self, other: "NeededWork") -> "NeededWork":
        return NeededWork(
            self.products + other.products,
            self.other_flops + other.other_flops,
            self.values + other.values,
            self.tokens + other.tokens,
        )


@dataclass(frozen=True)
class EpisodeWork:
    """The needed work of an episode of two turns, by phases."""

    workload: EpisodeWorkload
    sizes: dict[ModelPart, int] = field(init=False)
    autoencoder: "AutoencoderWork" = field(init=False)

    def __post_init__(self) -> None:
        sizes = dict.fromkeys(ModelPart, 0)
        for name, parameter in skeleton(self.config).named_parameters():
            sizes[part_of(name)] += parameter.numel()
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "autoencoder", AutoencoderWork.of(self.config, self.workload.usual.side))

    @property
    def config(self) -> ModelConfig:
        return self.workload.config

    @property
    def latents(self) -> int:
        return self.workload.plan.grid(self.config).num_tokens

    @property
    def patches(self) -> int:
        side = self.workload.settings.view.max_side // self.config.vision.patch
        return side**2

    def phases(self) -> dict[str, NeededWork]:
        """In the order in which they come."""
        load, thought = self.workload, self.workload.usual.thought_tokens
        system, prompt = load.system_tokens + DELIMITERS, load.prompt_tokens + DELIMITERS
        texts, first = thought + DELIMITERS, system + prompt
        seen = self.latents + self.patches + 2 * DELIMITERS
        second = first + texts + seen
        text_only = first + 2 * texts
        later = load.usual.later
        drawn = self._drawing(later, second + texts, second, text_only)
        if later.image_scale != 1.0:
            # All but the newest text is a beginning of what was read before.
            drawn += replace(self._reading(texts, first + texts), tokens=0)
        return {
            "prefill": self._reading(system, 0) + self._reading(prompt, system),
            "thought": self._writing(thought, first),
            "image 1": self._drawing(load.usual.first, first + texts, system, None),
            "re-entry": self._seeing(first + texts),
            "reflection": self._writing(thought, second),
            "image 2": drawn,
            "decode": NeededWork(
                other_flops=2 * self.autoencoder.decode_flops, values=2 * self.autoencoder.decoder_values
            ),
        }

    def _reading(self, tokens: int, context: int) -> NeededWork:
        return NeededWork(
            self._kept((tokens,), self._attention(tokens, context)),
            values=self.sizes[ModelPart.UNDERSTANDING] + self._cached(context),
            tokens=tokens,
        )

    def _kept(self, runs: Iterable[int], attention: Iterable[Product]) -> tuple[tuple[Product, int], ...]:
        """The products of tokens of which only keys and values are kept: in the last layer nobody asks what
        they see."""
        layers = self.config.decoder.num_layers
        experts = [tuple(self._expert(tokens)) for tokens in runs]
        whole = [(one, layers - 1) for one in (*(one for expert in experts for one in expert), *attention)]
        return (*whole, *((one, 1) for expert in experts for one in expert[:_OFFERED]))

    def _writing(self, tokens: int, context: int) -> NeededWork:
        """One token after the other, each of which reads all weights and all that was cached."""
        decoder = self.config.decoder
        middle = context + tokens // 2
        products = [(one, decoder.num_layers * tokens) for one in self._expert(1)]
        products += [(one, decoder.num_layers * tokens) for one in self._attention(1, middle)]
        products.append((Product(1, decoder.width, decoder.vocabulary), tokens))
        read = self.sizes[ModelPart.UNDERSTANDING] + self.sizes[ModelPart.HEAD] + self._cached(middle)
        return NeededWork(tuple(products), values=float(tokens * read), tokens=tokens)

    def _drawing(self, guidance: Guidance, main: int, text: int, image: int | None) -> NeededWork:
        """`main`, `text`, `image`: slots that the branches have read; None where there is no such branch."""
        (turn, *_), points = self.workload.plan.turns, self.workload.usual.points
        times = evaluated(turn.saving, shifted_schedule(points, turn.shift))
        guided = sum(guidance.is_on(time) for time in times)
        work = self._evaluations(main, len(times))
        if guidance.text_scale != 1.0:
            work += self._evaluations(text, guided)
        if guidance.image_scale != 1.0 and image is not None:
            work += self._evaluations(image, guided)
        return work

    def _evaluations(self, context: int, times: int) -> NeededWork:
        config, latents = self.config, self.latents
        layers = config.decoder.num_layers
        one = [*self._expert(latents), *self._attention(latents + DELIMITERS, context)]
        delimiters = self._kept((DELIMITERS,), ())
        ends = (
            Product(latents, config.latent_values, config.decoder.width),
            Product(latents, config.decoder.width, config.latent_values),
        )
        experts = self.sizes[ModelPart.UNDERSTANDING] + self.sizes[ModelPart.GENERATION]
        return NeededWork(
            (
                *((product, layers * times) for product in one),
                *((product, num * times) for product, num in delimiters),
                *((product, times) for product in ends),
            ),
            values=float(times * (experts + self._cached(context))),
            tokens=latents * times,
        )

    def _seeing(self, context: int) -> NeededWork:
        """The first picture again: encoded and looked at, then read."""
        vision, width = self.config.vision, self.config.decoder.width
        clean, view = self.latents + DELIMITERS, self.patches + DELIMITERS
        seen = (*self._attention(clean, context), *self._attention(view, context + clean))
        tower = 2 * self.patches * (self.sizes[ModelPart.VISION] - vision.side**2 * vision.width)
        tower += 4 * vision.num_layers * vision.width * self.patches**2
        tower += 2 * self.patches * width * (vision.width + width)
        read = (ModelPart.VISION, ModelPart.CONNECTOR, ModelPart.UNDERSTANDING, ModelPart.GENERATION)
        return NeededWork(
            self._kept((self.latents, DELIMITERS, view), seen),
            other_flops=self.autoencoder.encode_flops + tower,
            values=sum(self.sizes[part] for part in read) + self.autoencoder.encoder_values,
            tokens=clean + view,
        )

    def _expert(self, tokens: int) -> Iterator[Product]:
        """One layer of an expert, for so many tokens."""
        decoder = self.config.decoder
        keys = decoder.num_kv_heads * decoder.head_width
        for inner, columns in (
            (decoder.width, decoder.width),
            (decoder.width, keys),
            (decoder.width, keys),
            (decoder.width, decoder.width),
            (decoder.width, decoder.mlp_width),
            (decoder.width, decoder.mlp_width),
            (decoder.mlp_width, decoder.width),
        ):
            yield Product(tokens, inner, columns)

    def _attention(self, tokens: int, context: int) -> Iterator[Product]:
        decoder = self.config.decoder
        slots = context + tokens
        yield Product(tokens, decoder.head_width, slots, decoder.num_heads)
        yield Product(tokens, slots, decoder.head_width, decoder.num_heads)

    def _cached(self, slots: int) -> int:
        decoder = self.config.decoder
        return 2 * decoder.num_layers * decoder.num_kv_heads * decoder.head_width * slots


@dataclass(frozen=True)
class AutoencoderWork:
    encode_flops: float
    decode_flops: float
    encoder_values: int
    decoder_values: int

    @classmethod
    def of(cls, config: ModelConfig, side: int) -> "AutoencoderWork":
        """For pictures of `side` pixels; counted on tensors without memory."""
        with torch.device("meta"), torch.no_grad():
            autoencoder = Autoencoder(config.autoencoder)
            flops = []
            for work in (
                lambda: autoencoder.encode(torch.empty(1, 3, side, side)),
                lambda: autoencoder.decode(torch.empty(1, *autoencoder.latent_shape(side, side))),
            ):
                with FlopCounterMode(display=False) as counter:
                    work()
                flops.append(float(counter.get_total_flops()))
        sizes = [
            sum(one.numel() for one in part.parameters())
            for part in (autoencoder.net.encoder, autoencoder.net.decoder)
        ]
        return cls(flops[0], flops[1], sizes[0], sizes[1])


def packed_together(product: Product, branches: int) -> Product:
    """The product of all guidance branches at once, which may be faster than each by itself."""
    return replace(product, rows=product.rows * branches)
