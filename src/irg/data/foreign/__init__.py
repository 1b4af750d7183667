"""Data sets of other people's making, and folders of one's own pictures: how they become traces."""
