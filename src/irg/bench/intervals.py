"""Confidence intervals of shares."""

from math import sqrt

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the standard normal distribution."""


def wilson(successes: int, total: int) -> tuple[float, float]:
    """The 95% Wilson score interval of a share (Wilson 1927). All of [0, 1] when nothing was counted."""
    if not total:
        return 0.0, 1.0
    share = successes / total
    centre = share + Z95**2 / (2 * total)
    spread = Z95 * sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    scale = 1 + Z95**2 / total
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)
