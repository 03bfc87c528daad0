"""Params, metrics and plots as values: chosen, flattened, compared, and put into templates."""
