"""Pointers, ignore patterns and merges as values.

In come loaded documents; out go `Pointer`, `Output` and `Origin`, and back. Start at `pointer`.
"""
