"""Learning-rate schedules."""


def learning_rate_factor(step: int, total: int, warmup: int, decay_from: float) -> float:
    """Linear warm-up, constant, then linear decay to zero over the last part of the run.

    `decay_from` is the fraction of the run at which the decay begins; 1 means a constant rate.
    """
    rising = min((step + 1) / warmup, 1.0) if warmup else 1.0
    begin = decay_from * total
    falling = 1.0 if step < begin else max((total - step) / max(total - begin, 1), 0.0)
    return rising * falling
