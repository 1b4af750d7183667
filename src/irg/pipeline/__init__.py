"""What an episode is: thoughts and images in turns, questions about images, edits of images."""

from irg.pipeline.load import load_pipeline
from irg.pipeline.pipeline import Pipeline
from irg.pipeline.rollout import Rollout
from irg.pipeline.settings import Plan, Settings, TurnPlan

__all__ = ["Pipeline", "Plan", "Rollout", "Settings", "TurnPlan", "load_pipeline"]
