"""Experiments: runs kept in Git refs, those that wait or run, and workers for them.

In come overrides of parameters and a baseline; out go commits with refs of their own, and the table of them. Start at
`run.run`, `queue`, `show` and `share`.
"""
