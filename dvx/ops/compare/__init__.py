"""Params, metrics and plots of the workspace and of revisions, side by side.

In come revisions and targets; out go values by path and key, and rows to draw. Start at `metrics` and `plots`.
"""
