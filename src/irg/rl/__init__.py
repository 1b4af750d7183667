"""Reinforcement learning over whole episodes: rollouts, rewards, and what a run learns from them."""
