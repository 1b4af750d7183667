"""Publishing a finished set: a folder with a card, in parquet or tar files, and its way to the hub."""
