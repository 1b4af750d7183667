"""What reinforcement learning minimises: unlikely good episodes and likely bad ones, the distance from the
model of the beginning, and the losses of ordinary data.

There is one update for each batch, so the policy that is updated is the one that played: ratios are 1, and
need no clipping. All of it in float32.

Shape suffixes: N labelled tokens, M supervised latent tokens, V values of a latent token, K terms, P parts.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from irg.core import Document, Kind, Packed, Role, Segment, SpecialTokens, pack
from irg.model.adapters import without_adapters
from irg.model.parts import is_hidden
from irg.rl.lessons import Lesson, divided
from irg.rl.settings import LearningMethod, LearningSettings, RlRecipe
from irg.run.flops import Backward, row_flops
from irg.run.losses import Losses, ModelLosses
from irg.run.objective import PackedForward, UnifiedObjective
from irg.run.parallel import Layout, ParallelSettings, arithmetic, attention
from irg.run.step import Sums

MOST_EXACT = 10.0
"""Nats of difference up to which the distance of texts is exact. Beyond, it goes on straight, so that a token
that has run away is still pulled back, and does not hide the others."""
_FILLER = Document((Segment(Kind.TEXT, Role.PROMPT, (0,)),))
"""Stands for the episodes of a process that has fewer than others."""


@dataclass(frozen=True, eq=False)
class Practice:
    """A process's share of a step."""

    lessons: tuple[Lesson, ...]
    num_forwards: int
    """Into which the lessons are divided, on all processes alike."""
    anchors: tuple[tuple[Document, ...], ...] = ()
    """Rows of ordinary data."""


@dataclass(frozen=True, eq=False)
class PracticeForward:
    """Episodes in a row, or ordinary documents."""

    packed: Packed
    advantage_N: torch.Tensor
    weight_N: torch.Tensor
    log_N: torch.Tensor
    advantage_M: torch.Tensor
    weight_M: torch.Tensor
    precision_M: torch.Tensor
    documents: int
    flops: float
    anchor: PackedForward | None = None
    """Ordinary documents, in the place of all of the above."""

    @property
    def tokens(self) -> int:
        return self.packed.num_tokens

    @property
    def weight_K(self) -> torch.Tensor:
        if self.anchor is not None:
            weight_K = torch.zeros(6, dtype=torch.float64, device=self.packed.kind_T.device)
            weight_K[4:] = self.anchor.weight_K
            return weight_K
        text, flow = self.weight_N.sum(), self.weight_M.sum()
        return torch.stack([text, text, flow, flow, 0 * text, 0 * flow]).double()


@dataclass(frozen=True, eq=False)
class RlObjective:
    """By a network, beside a `reference` that stays as it began; None: the network without its adapters."""

    network: ModelLosses
    reference: ModelLosses | None
    special: SpecialTokens
    layout: Layout
    parallel: ParallelSettings
    learning: LearningSettings
    temperature: float
    """At which reflections were sampled."""
    anchor: UnifiedObjective | None = None
    runaway: float = 20.0

    parts = ("entropy", "deviation", "runaway")
    """Nats a token; by how much that differs from where it was sampled; the share of tokens further than the
    guards' bound from the model of the beginning."""

    @property
    def model(self) -> nn.Module:
        return self.network.model

    @property
    def terms(self) -> dict[str, float]:
        learned, anchor = self.learning, self.learning.anchor
        losses = {"anchor_text": 0.0, "anchor_flow": 0.0}
        if self.anchor is not None:
            losses = {f"anchor_{name}": anchor * weight for name, weight in self.anchor.terms.items()}
        return {
            "text": learned.text,
            "kl_text": learned.kl_text * bool(learned.text),
            "flow": learned.flow,
            "kl_flow": learned.kl_flow * bool(learned.flow),
            **losses,
        }

    def is_hidden(self, name: str) -> bool:
        return is_hidden(name)

    def forwards(self, rows: Practice) -> list[PracticeForward]:
        forwards = [self._episodes(part) for part in _evenly(rows.lessons, rows.num_forwards)]
        if self.anchor is not None:
            forwards += [self._anchored(forward) for forward in self.anchor.forwards(rows.anchors)]
        return forwards

    def __call__(self, forward: PracticeForward) -> Sums:
        if forward.anchor is not None:
            return self._anchor_sums(forward.anchor)
        losses = self._losses(self.network, forward.packed)
        began = self._began(forward.packed)
        text_N, flow_M = self._policy(losses, forward), self._flow(losses, forward)
        kl_N = bounded_k3(losses.text_N - began.text_N)
        kl_M = (losses.velocity_MV - began.velocity_MV).square().mean(-1)
        terms = [
            (text_N * forward.weight_N).sum(),
            (kl_N * forward.weight_N).sum(),
            (flow_M * forward.weight_M).sum(),
            (kl_M * forward.weight_M).sum(),
        ]
        zero = terms[0].detach() * 0
        part_P, count_P = self._told(losses.text_N.detach(), began.text_N, forward)
        return Sums(torch.stack([*terms, zero, zero]), part_P, count_P)

    def _policy(self, losses: Losses, forward: PracticeForward) -> torch.Tensor:
        """[N]: minus the advantage times the log-probability."""
        return forward.advantage_N * losses.text_N

    def _flow(self, losses: Losses, forward: PracticeForward) -> torch.Tensor:
        """[M]: likewise of steps; of finished pictures their error, signed by the advantage."""
        if self.learning.method is not LearningMethod.NFT:
            return forward.advantage_M * forward.precision_M * losses.flow_MV.mean(-1)
        return _two_sided(losses, forward, self.learning.strength)

    def _told(
        self, text_N: torch.Tensor, began_N: torch.Tensor, forward: PracticeForward
    ) -> tuple[torch.Tensor, torch.Tensor]:
        own_N = forward.weight_N > 0
        told = (
            text_N[own_N],
            (text_N + forward.log_N)[own_N].abs(),
            ((text_N - began_N).abs() > self.runaway)[own_N],
        )
        part_P = torch.stack([one.double().sum() for one in told])
        return part_P, own_N.double().sum().expand(len(told)).clone()

    def _anchor_sums(self, forward: PackedForward) -> Sums:
        assert self.anchor is not None
        found = self.anchor(forward)
        zeros = torch.zeros(4, device=self.layout.device)
        part_P = torch.zeros(len(self.parts), dtype=torch.float64, device=self.layout.device)
        return Sums(torch.cat([zeros, found.term_K]), part_P, torch.zeros_like(part_P))

    @torch.no_grad()
    def _began(self, packed: Packed) -> Losses:
        """What the model of the beginning says."""
        plain = without_adapters(self.network.model) if self.reference is None else nullcontext()
        with plain:
            return self._losses(self.reference or self.network, packed)

    def _losses(self, network: ModelLosses, packed: Packed) -> Losses:
        with arithmetic(self.layout, self.parallel):
            return network(packed, attention(packed, self.layout.device), self.temperature)

    def _episodes(self, lessons: Sequence[Lesson]) -> PracticeForward:
        row = pack([lesson.document for lesson in lessons] or [_FILLER], self.special)
        flops = row_flops(self.network.model.config, row, self._gradients)
        device, empty = self.layout.device, [torch.empty(0)]
        texts = [torch.full_like(lesson.weight_L, lesson.advantage) for lesson in lessons]
        images = [*_by_token(lessons)]
        return PracticeForward(
            row.to(device),
            torch.cat(empty + texts).to(device),
            torch.cat(empty + [lesson.weight_L for lesson in lessons]).to(device),
            torch.cat(empty + [lesson.log_L for lesson in lessons]).to(device),
            *(torch.cat(empty + [one[place] for one in images]).to(device) for place in range(3)),
            documents=len(lessons),
            flops=flops,
        )

    def _anchored(self, forward: PackedForward) -> PracticeForward:
        nothing = torch.empty(0, device=self.layout.device)
        return PracticeForward(
            forward.packed, *[nothing] * 6, documents=forward.documents, flops=forward.flops, anchor=forward
        )

    @cached_property
    def _gradients(self) -> Backward:
        return Backward.of(self.model)


def bounded_k3(difference_N: torch.Tensor) -> torch.Tensor:
    """[N]: an estimate of the divergence from log-probabilities of the reference less those of the policy,
    exp(d) - 1 - d; from `MOST_EXACT` nats on along its tangent."""
    near_N = difference_N.clamp(-MOST_EXACT, MOST_EXACT)
    slope_N = near_N.detach().exp() - 1
    return near_N.exp() - 1 - near_N + slope_N * (difference_N - near_N)


def _two_sided(losses: Losses, forward: PracticeForward, strength: float) -> torch.Tensor:
    """[M]: DiffusionNFT's loss (arXiv 2509.16117), the old policy being the one of now.

    The velocity is moved a bit both ways. The better the picture, the more the first of the two is to hit it,
    and the less the second. Errors are those of the finished picture, over their own mean.
    """
    now_MV, target_MV = losses.velocity_MV, forward.packed.target_MC
    if target_MV is None:  # a row without pictures
        return losses.flow_MV.mean(-1)
    old_MV, target_MV = now_MV.detach(), target_MV[forward.packed.has_target_M].float()
    share_M = 0.5 + 0.5 * forward.advantage_M
    time_M1 = forward.packed.timestep_M[forward.packed.has_target_M][:, None]
    found = torch.zeros_like(share_M)
    for sign, part_M in ((1.0, share_M), (-1.0, 1 - share_M)):
        error_MV = time_M1 * (old_MV + sign * strength * (now_MV - old_MV) - target_MV)
        scale_M1 = error_MV.detach().abs().mean(-1, keepdim=True).clamp(min=1e-6)
        found = found + part_M / strength * (error_MV.square() / scale_M1).mean(-1)
    return found


def _evenly(lessons: Sequence[Lesson], number: int) -> list[list[Lesson]]:
    """In order, into so many parts, of which the longest is as short as can be; some may be empty."""
    total = sum(lesson.document.num_tokens for lesson in lessons)
    lengths = range(1, total + 1)
    most = bisect_left(lengths, True, key=lambda length: len(divided(lessons, length)) <= number) + 1
    parts = divided(lessons, most)
    return [*parts, *([] for _ in range(number - len(parts)))]


def _by_token(lessons: Sequence[Lesson]) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Of each NOISY segment the advantage, weight and precision of each of its tokens."""
    for lesson in lessons:
        for image in lesson.images:
            ones = torch.ones(image.num_tokens)
            yield lesson.advantage * ones, image.weight / image.num_tokens * ones, image.precision * ones


def objective_for(
    recipe: RlRecipe,
    networks: tuple[ModelLosses, ModelLosses | None],
    special: SpecialTokens,
    layout: Layout,
    anchor: UnifiedObjective | None,
) -> RlObjective:
    """What a recipe minimises, by the network that learns and the one that stays."""
    network, reference = networks
    return RlObjective(
        network,
        reference,
        special,
        layout,
        recipe.parallel,
        recipe.learning,
        recipe.rollouts.temperature,
        anchor,
        recipe.guards.runaway,
    )
