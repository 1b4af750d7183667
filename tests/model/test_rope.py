import torch

from irg.model.rope import rope_table, rotate, turning


def test_scores_of_rotated_heads_depend_on_how_far_apart_they_are() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 3, 16, dtype=torch.float64, generator=generator)

    def score(first: int, second: int) -> torch.Tensor:
        tables = (
            turning(rope_table(torch.tensor([place]), 16, 1e6, torch.float64)) for place in (first, second)
        )
        return (rotate(query, next(tables)) * rotate(key, next(tables))).sum(dim=-1)

    assert torch.allclose(score(7, 3), score(1004, 1000), rtol=0, atol=1e-9)
    assert not torch.allclose(score(7, 3), score(7, 4), rtol=0, atol=1e-3)
    assert torch.equal(rotate(query, turning(rope_table(torch.tensor([0]), 16, 1e6, torch.float64))), query)


def test_a_rotation_turns_pairs_half_a_head_apart() -> None:
    table = turning(rope_table(torch.tensor([1]), 4, 100.0, torch.float64))
    turned = rotate(torch.tensor([[[1.0, 0.0, 0.0, 0.0]]], dtype=torch.float64), table)
    one = torch.tensor(1.0, dtype=torch.float64)
    assert torch.allclose(turned[0, 0], torch.stack([one.cos(), 0 * one, one.sin(), 0 * one]))
    slower = rotate(torch.tensor([[[0.0, 1.0, 0.0, 0.0]]], dtype=torch.float64), table)
    tenth = one / 10
    assert torch.allclose(slower[0, 0], torch.stack([0 * one, tenth.cos(), 0 * one, tenth.sin()]))


def test_angles_of_far_positions_are_exact_in_bfloat16() -> None:
    place = torch.tensor([30_001])
    exact = rope_table(place, 16, 1e6, torch.float64)
    half = rope_table(place, 16, 1e6, torch.bfloat16)
    for one, other in zip(exact, half, strict=True):
        assert other.dtype is torch.bfloat16
        assert torch.allclose(one, other.double(), rtol=0, atol=1e-2)
