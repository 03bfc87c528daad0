"""Commands that show and compare params, metrics and plots."""
