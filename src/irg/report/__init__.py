"""What is made to be looked at: pages, tables, thumbnails, charts, plots and texts on pictures, all in one style."""
