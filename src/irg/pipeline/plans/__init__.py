"""Plan files, and running them: what each step of an episode reads, writes and draws, as data."""

from irg.pipeline.plans.plan_file import StepPlan

__all__ = ["StepPlan"]
