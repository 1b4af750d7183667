"""What any run of training needs: the loop, checkpoints, sharding, optimizers, averages, metrics."""
