"""Training a network from batches: loop, schedule, optimiser, checkpoints, journal, whole runs."""
