import pytest
import torch

from irg.engine import Branch, Guidance, Renorm
from irg.engine.guidance import guide

MAIN, TEXT, IMAGE = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
IMAGES = [slice(0, 4), slice(4, 7)]
"""Two images of the batch, of 4 and 3 tokens."""
SIZES = [4, 3]


def ours(guidance: Guidance, branches: str) -> torch.Tensor:
    known = {
        "t": Branch(TEXT, guidance.text_scale, True),
        "i": Branch(IMAGE, guidance.image_scale, False),
    }
    return guide(MAIN, [known[letter] for letter in branches], guidance, SIZES)


def shrunk(vector: torch.Tensor, like: torch.Tensor, least: float) -> torch.Tensor:
    return vector * min(1.0, max(least, (like.norm() / (vector.norm() + 1e-8)).item()))


def naive(guidance: Guidance, branches: str) -> torch.Tensor:
    """Token by token and image by image, as the formulas say."""
    guided, least = MAIN.clone(), guidance.renorm_min
    num_tokens = len(MAIN)
    if "t" in branches:
        guided = TEXT + guidance.text_scale * (guided - TEXT)
        if guidance.renorm is Renorm.TEXT_CHANNEL:
            guided = torch.stack([shrunk(guided[m], MAIN[m], least) for m in range(num_tokens)])
    if "i" in branches:
        guided = IMAGE + guidance.image_scale * (guided - IMAGE)
    if guidance.renorm is Renorm.CHANNEL:
        guided = torch.stack([shrunk(guided[m], MAIN[m], least) for m in range(num_tokens)])
    if guidance.renorm is Renorm.GLOBAL:
        guided = torch.cat([shrunk(guided[image], MAIN[image], least) for image in IMAGES])
    return guided


@pytest.mark.parametrize("renorm", Renorm)
@pytest.mark.parametrize("least", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("branches", ["t", "i", "ti"])
@pytest.mark.parametrize("scales", [(4.0, 2.0), (0.5, 1.5), (1.2, 0.0)])
def test_the_formulas(renorm: Renorm, least: float, branches: str, scales: tuple[float, float]) -> None:
    guidance = Guidance(*scales, (0.0, 1.0), renorm, least)
    assert torch.allclose(ours(guidance, branches), naive(guidance, branches), rtol=0, atol=1e-12)


def test_scale_one_is_no_guidance() -> None:
    guidance = Guidance(1.0, 1.0, (0.0, 1.0), Renorm.NONE)
    assert torch.allclose(ours(guidance, "ti"), MAIN, rtol=0, atol=1e-12)


def test_renormalising_never_lengthens() -> None:
    for renorm in (Renorm.GLOBAL, Renorm.CHANNEL):
        guided = ours(Guidance(0.2, 1.0, (0.0, 1.0), renorm), "t")
        plain = ours(Guidance(0.2, 1.0, (0.0, 1.0), Renorm.NONE), "t")
        assert (guided.norm(dim=-1) <= plain.norm(dim=-1) + 1e-9).all()


def test_the_whole_image_is_scaled_by_its_own_factor() -> None:
    """Each image of a batch is as it would be alone."""
    guidance = Guidance(4.0, 1.0, (0.0, 1.0), Renorm.GLOBAL)
    together = ours(guidance, "t")
    for image in IMAGES:
        branch = Branch(TEXT[image], guidance.text_scale, True)
        alone = guide(MAIN[image], [branch], guidance, [len(MAIN[image])])
        assert torch.allclose(together[image], alone, rtol=0, atol=1e-12)


def test_a_velocity_of_zero_stays_finite() -> None:
    zero = torch.zeros(2, 4)
    for renorm in Renorm:
        guidance = Guidance(4.0, 1.0, (0.0, 1.0), renorm)
        guided = guide(zero, [Branch(zero, 4.0, True)], guidance, [2])
        assert torch.equal(guided, zero)


@pytest.mark.parametrize(
    ("t", "is_on"),
    [(0.4, False), (0.4000001, True), (0.7, True), (0.8, True), (0.8000001, False), (0.0, False)],
)
def test_the_interval_is_open_below_and_closed_above(t: float, is_on: bool) -> None:
    assert Guidance(interval=(0.4, 0.8)).is_on(t) == is_on


@pytest.mark.parametrize("interval", [(0.5, 0.4), (-0.1, 1.0), (0.0, 1.1)])
def test_intervals_out_of_range(interval: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="guidance interval"):
        Guidance(interval=interval)


def test_a_renorm_may_be_given_by_its_name() -> None:
    named = Guidance(renorm="global", interval=[0.4, 1.0])  # pyright: ignore[reportArgumentType]
    assert named == Guidance() and named.renorm is Renorm.GLOBAL
    assert torch.equal(ours(named, "ti"), ours(Guidance(), "ti"))


@pytest.mark.parametrize(
    "given",
    [
        {"renorm": "chanel"},
        {"renorm": None},
        {"text_scale": float("nan")},
        {"image_scale": float("inf")},
        {"text_scale": "4"},
        {"renorm_min": -0.1},
        {"renorm_min": 1.5},
        {"interval": (0.0, float("nan"))},
        {"interval": (0.0,)},
        {"interval": None},
        {"interval": ("a", "b")},
    ],
)
def test_what_is_no_guidance(given: dict) -> None:
    with pytest.raises(ValueError, match=r"expected (one of|a number|0 <= low)"):
        Guidance(**given)
