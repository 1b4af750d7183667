"""One of a layer's two experts: all that is done to the tokens of one stream before and after attention.

With gradients it is written as it is read. Without them the same is computed in fewer, larger steps: three
projections as one product, sums in the memory of what nobody else needs, and, for pictures on a CPU, by
weights that are laid out as products read them (`irg.model.panels`).

Shape suffixes: T tokens of one stream, D width, F width within the MLP, H heads, G key/value heads, K head
width, J heads of queries and keys or of all three, A all heads' values of a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import nn
from torch.nn import functional

from irg.model.attention import Projected
from irg.model.compiling import compiled_whole
from irg.model.config import DecoderConfig
from irg.model.panels import ROWS, ExpertPanels, LaidOut, Product, State, can_lay_out, state_of
from irg.model.rope import Rope, rotate


class RMSNorm(nn.Module):
    """Root-mean-square norm, computed in float32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.scaled(hidden, self.weight)

    def scaled(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Normed, and scaled by another weight than one's own, such as one per head."""
        fuses = hidden.is_cuda or torch.compiler.is_compiling()
        if fuses and not torch.is_grad_enabled():
            return _product(functional.rms_norm(hidden, hidden.shape[-1:], None, self.eps), weight)
        exact_type = torch.promote_types(hidden.dtype, torch.float32)
        if torch.is_grad_enabled():
            exact = hidden.to(exact_type)
            normed = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)
            return weight * normed.to(hidden.dtype)
        # A length is computed in one pass, and leaves no squares behind.
        length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=exact_type)
        eps = _constant(self.eps, exact_type, hidden.device)
        root = torch.addcmul(eps, length, length, value=1 / hidden.shape[-1]).sqrt_()
        return _product((hidden / root).to(hidden.dtype), weight)


class Expert(nn.Module):
    """All that one layer does to the tokens of one stream, before and after attention."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, head = config.width, config.head_width
        self.head_width = head
        self.attention_norm = RMSNorm(width, config.norm_eps)
        self.query = nn.Linear(width, config.num_heads * head)
        self.key = nn.Linear(width, config.num_kv_heads * head)
        self.value = nn.Linear(width, config.num_kv_heads * head)
        self.query_norm = RMSNorm(head, config.norm_eps)
        self.key_norm = RMSNorm(head, config.norm_eps)
        self.output = nn.Linear(config.num_heads * head, width, bias=False)
        self.mlp_norm = RMSNorm(width, config.norm_eps)
        self.gate = nn.Linear(width, config.mlp_width, bias=False)
        self.up = nn.Linear(width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, width, bias=False)
        self.joined: Joined | None = None
        self.compiled = False
        """Whether what is done without gradients is compiled (`irg.model.compiling`)."""
        self.may_lay_out = False
        """Whether weights may be held a second time, as products read them (`irg.model.panels`)."""
        self._panels: ExpertPanels | None = None

    def __getstate__(self) -> dict[str, object]:
        """Copies lay out their own."""
        return {**self.__dict__, "_panels": None}

    def train(self, mode: bool = True) -> "Expert":
        """Weights that are trained are not laid out: what an optimizer does to them need not show."""
        self._panels = None
        return super().train(mode)

    def project(self, hidden_TD: torch.Tensor, rope: Rope) -> Projected:
        """Queries [T, H, K], keys and values [T, G, K], queries and keys normed and rotated."""
        if self.joined is not None and self.joined.is_current(self) and not torch.is_grad_enabled():
            return self._project_joined(self.joined, hidden_TD, rope)
        normed_TD = self.attention_norm(hidden_TD)
        query_THK, key_TGK, value_TGK = (
            layer(normed_TD).unflatten(-1, (-1, self.head_width))
            for layer in (self.query, self.key, self.value)
        )
        query_THK, key_TGK = rotate(self.query_norm(query_THK), rope), rotate(self.key_norm(key_TGK), rope)
        return Projected(query_THK, key_TGK, value_TGK)

    def finish(self, hidden_TD: torch.Tensor, attended_TA: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            hidden_TD = hidden_TD + self.output(attended_TA)
            normed_TD = self.mlp_norm(hidden_TD)
            return hidden_TD + self.down(functional.silu(self.gate(normed_TD)) * self.up(normed_TD))
        if (panels := self._panels_for(hidden_TD)) is not None:
            return _finished_in_blocks(self.mlp_norm, panels.after, hidden_TD, attended_TA)
        finished = compiled_whole(_finished) if self.compiled else _finished
        return finished(self, hidden_TD, attended_TA)

    def join(self) -> None:
        """Hold the weights of queries, keys and values as one tensor, of which they become views, so that
        without gradients one product does for three. Layers that are adapted or in few bits stay apart."""
        layers = [self.query, self.key, self.value]
        if all(type(layer) is nn.Linear and type(layer.weight.data) is torch.Tensor for layer in layers):
            self.joined = Joined.of(self)

    def _project_joined(self, joined: "Joined", hidden_TD: torch.Tensor, rope: Rope) -> Projected:
        if (scaled := joined.scaled_as(self)) is not joined:
            self.joined = joined = scaled
        if (panels := self._panels_for(hidden_TD)) is not None:
            return Projected(*_offered_in_blocks(self, panels.before, joined.scale_JK, hidden_TD, rope))
        offered = compiled_whole(_offered) if self.compiled else _offered
        return Projected(*offered(self, (joined.weight, joined.bias, joined.scale_JK), hidden_TD, rope))

    def _panels_for(self, hidden_TD: torch.Tensor) -> ExpertPanels | None:
        """The weights as products read them, where that pays."""
        joined, after = self.joined, (self.output, self.gate, self.up, self.down)
        if not self.may_lay_out or self.training or self.compiled or joined is None:
            return None
        if len(hidden_TD) < ROWS:
            return None
        layers = (self.query, self.key, self.value, *after)
        if not joined.is_current(self) or not can_lay_out(layers):
            self._panels = None
            return None
        state = state_of([layer.weight for layer in layers])
        if self._panels is None or self._panels.copied != state:
            self._panels = None  # what it holds is let go first
            before = LaidOut.of(joined.weight, joined.bias)
            laid_out = tuple(LaidOut.of(layer.weight.detach()) for layer in after)
            self._panels = ExpertPanels(before, laid_out, state)
        return self._panels


def _offered(
    expert: Expert,
    joined: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    hidden_TD: torch.Tensor,
    rope: Rope,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`Expert.project` without gradients, by the tensors of `Joined`."""
    weight, bias, scale_JK = joined
    all_TA = functional.linear(expert.attention_norm(hidden_TD), weight, bias)
    all_TJK = all_TA.unflatten(-1, (-1, expert.head_width))
    asked, both = expert.query.out_features // expert.head_width, len(scale_JK)
    turned_TJK = rotate(expert.query_norm.scaled(all_TJK[:, :both], scale_JK), rope)
    return turned_TJK[:, :asked], turned_TJK[:, asked:], all_TJK[:, both:]


def _offered_in_blocks(
    expert: Expert, product: Product, scale_JK: torch.Tensor, hidden_TD: torch.Tensor, rope: Rope
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same by a product of a block's rows."""
    head, both, asked = expert.head_width, len(scale_JK), expert.query.out_features // expert.head_width
    turned_TJK = hidden_TD.new_empty(len(hidden_TD), both, head)
    value_TGK = hidden_TD.new_empty(len(hidden_TD), both - asked, head)
    blocks = (one.split(ROWS) for one in (hidden_TD, *rope, turned_TJK, value_TGK))
    for block_TD, cosine, sine, turned, value in zip(*blocks, strict=True):
        all_TJK = product(expert.attention_norm(block_TD)).unflatten(-1, (-1, head))
        rotate(expert.query_norm.scaled(all_TJK[:, :both], scale_JK), (cosine, sine), turned)
        value.copy_(all_TJK[:, both:])
    return turned_TJK[:, :asked], turned_TJK[:, asked:], value_TGK


def _finished(expert: Expert, hidden_TD: torch.Tensor, attended_TA: torch.Tensor) -> torch.Tensor:
    """`Expert.finish` without gradients."""
    hidden_TD = _sum(expert.output(attended_TA), hidden_TD)
    normed_TD = expert.mlp_norm(hidden_TD)
    gated_TF = functional.silu(expert.gate(normed_TD), inplace=True).mul_(expert.up(normed_TD))
    return _sum(expert.down(gated_TF), hidden_TD)


def _finished_in_blocks(
    norm: RMSNorm, products: Sequence[Product], hidden_TD: torch.Tensor, attended_TA: torch.Tensor
) -> torch.Tensor:
    """The same by products of a block's rows."""
    output, gate, up, down = products
    after_TD = torch.empty_like(hidden_TD)
    blocks = (one.split(ROWS) for one in (hidden_TD, attended_TA, after_TD))
    for block_TD, attended, after in zip(*blocks, strict=True):
        block_TD = _sum(output(attended), block_TD)
        normed_TD = norm(block_TD)
        gated_TF = functional.silu(gate(normed_TD), inplace=True).mul_(up(normed_TD))
        torch.add(down(gated_TF), block_TD, out=after)
    return after_TD


@dataclass(frozen=True, eq=False)
class Joined:
    """The projections of an expert before attention, joined."""

    weight: torch.Tensor
    bias: torch.Tensor
    scale_JK: torch.Tensor
    """What the norms of queries and keys scale each of their heads by: a copy of their weights."""
    copied: State
    """Which weights those were."""

    @classmethod
    def of(cls, expert: Expert) -> "Joined":
        layers = (expert.query, expert.key, expert.value)
        weight = torch.cat([layer.weight.detach() for layer in layers])
        bias = torch.cat([layer.bias.detach() for layer in layers])
        sizes = [layer.out_features for layer in layers]
        for layer, own_weight, own_bias in zip(layers, weight.split(sizes), bias.split(sizes), strict=True):
            layer.weight.data, layer.bias.data = own_weight, own_bias
        return cls(weight, bias, *cls._scales(expert))

    def scaled_as(self, expert: Expert) -> "Joined":
        """With the weights that the norms have now, which training changes in place."""
        if self.copied == state_of(_norms(expert)):
            return self
        scale_JK, copied = self._scales(expert)
        return replace(self, scale_JK=scale_JK, copied=copied)

    @staticmethod
    def _scales(expert: Expert) -> tuple[torch.Tensor, State]:
        heads = [layer.out_features // expert.head_width for layer in (expert.query, expert.key)]
        norms = _norms(expert)
        scales = [norm.detach().expand(num, -1) for norm, num in zip(norms, heads, strict=True)]
        return torch.cat(scales), state_of(norms)

    def is_current(self, expert: Expert) -> bool:
        """Whether the expert still holds these weights: moved, cast or wrapped ones are others."""
        place = self.weight.data_ptr()
        for layer in (expert.query, expert.key, expert.value):
            if type(layer) is not nn.Linear or layer.weight.data_ptr() != place:
                return False
            place += layer.weight.nbytes
        return True


def _norms(expert: Expert) -> tuple[torch.Tensor, torch.Tensor]:
    return expert.query_norm.weight, expert.key_norm.weight


def _sum(fresh: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """In the memory of a tensor that nobody else needs: new memory costs a CPU more than the sum. Where types
    differ, as under autocast, the result has the more exact one."""
    return fresh.add_(other) if fresh.dtype == other.dtype else fresh + other


def _product(fresh: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Likewise."""
    return fresh.mul_(other) if fresh.dtype == other.dtype else fresh * other


@cache
def _constant(value: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):
        return torch.tensor(value, dtype=dtype, device=device)
