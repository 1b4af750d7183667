"""The scene benchmark, judged by the oracle of the scene world, and the comparison of what it draws."""
