"""The naive twin of the two-expert decoder: one token at a time, a dense mask, explicit loops."""

import torch

from irg.core import Packed, Route, dense_mask
from irg.model import UnifiedModel
from irg.model.expert import Expert
from irg.model.rope import rope_table, turning


def dense_attend(
    packed: Packed, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
) -> torch.Tensor:
    """Attention of tokens in row order, head by head."""
    mask, (num_tokens, num_heads, width) = dense_mask(packed), query_THK.shape
    group = num_heads // key_TGK.shape[1]
    output = torch.empty(num_tokens, num_heads, width, dtype=query_THK.dtype)
    for head in range(num_heads):
        score_TT = query_THK[:, head] @ key_TGK[:, head // group].T / width**0.5
        share_TT = score_TT.masked_fill(~mask, float("-inf")).softmax(dim=-1)
        output[:, head] = share_TT @ value_TGK[:, head // group]
    return output


def hidden_states(model: UnifiedModel, packed: Packed) -> torch.Tensor:
    """Final-normed hidden states [T, D] in row order."""
    decoder, config = model.decoder, model.config.decoder
    routes = [Route(route) for route in packed.route_T.tolist()]
    order = torch.cat([packed.understanding_index_U, packed.latent_index_M])
    embedded = torch.cat([model.embed_understanding(packed), model.embed_latents(packed)])
    hidden = list(embedded[order.argsort()].split(1))
    ropes = [
        turning(rope_table(position, config.head_width, config.rope_theta, model.dtype))
        for position in packed.position_T.split(1)
    ]
    for layer in decoder.layers:
        experts: dict[Route, Expert] = {
            Route.UNDERSTANDING: layer.understanding,  # type: ignore[dict-item]
            Route.GENERATION: layer.generation,  # type: ignore[dict-item]
        }
        projected = [
            experts[route].project(token, rope)
            for route, token, rope in zip(routes, hidden, ropes, strict=True)
        ]
        attended = dense_attend(packed, *(torch.cat(part) for part in zip(*projected, strict=True)))
        hidden = [
            experts[route].finish(token, seen.flatten(1))
            for route, token, seen in zip(routes, hidden, attended.split(1), strict=True)
        ]
    norms = {Route.UNDERSTANDING: decoder.understanding_norm, Route.GENERATION: decoder.generation_norm}
    return torch.cat([norms[route](token) for route, token in zip(routes, hidden, strict=True)])
