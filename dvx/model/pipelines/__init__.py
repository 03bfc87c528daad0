"""Stages, their templates, locks, states and runs as values.

In come loaded pipeline and lock files; out go `Pipeline`, `Stage`, `StageState`, reasons to run and a `Schedule`. Start at
`definition` and `staleness`.
"""
