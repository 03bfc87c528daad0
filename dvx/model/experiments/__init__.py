"""Names of experiments in Git, and overrides of parameters with their sweeps, as values."""
