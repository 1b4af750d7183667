"""Rotary embeddings, in Qwen2's layout.

Shape suffixes: T tokens, H heads, K head width.
"""

import torch

Rope = tuple[torch.Tensor, torch.Tensor]
"""Cosines and signed sines of tokens' positions, each [T, 1, K]."""


def rope_table(
    position_T: torch.Tensor, head_width: int, theta: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [T, 1, K] of the rotary embedding, computed in float32 or better for any `dtype`.

    In bfloat16 the angles of far positions would be off by more than a radian. Only the result is cast.
    """
    exact = torch.promote_types(dtype, torch.float32)
    exponent = torch.arange(0, head_width, 2, device=position_T.device, dtype=exact) / head_width
    angle = position_T.to(exact)[:, None] * theta**-exponent
    angle = torch.cat([angle, angle], dim=-1)[:, None, :]
    return angle.cos().to(dtype), angle.sin().to(dtype)


def turning(table: tuple[torch.Tensor, torch.Tensor]) -> Rope:
    """What `rotate` takes: the sines of the first of each pair are negative."""
    cosine, sine = table
    first, second = sine.chunk(2, dim=-1)
    return cosine, torch.cat([-first, second], dim=-1)


def rotate(values_THK: torch.Tensor, rope: Rope, out: torch.Tensor | None = None) -> torch.Tensor:
    """Rotate the pairs (k, k + K/2) of each head, into `out` if there is one."""
    cosine, sine = rope
    others_THK = values_THK.roll(values_THK.shape[-1] // 2, dims=-1)
    return torch.addcmul(values_THK * cosine, others_THK, sine, out=out)
