"""Training: the autoencoder's loop and the unified model's, both run from validated recipe files."""
