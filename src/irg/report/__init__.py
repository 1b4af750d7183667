"""What is made to be looked at, in one style: pages, tables, thumbnails, charts, plots, texts on pictures."""
