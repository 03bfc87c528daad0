"""Backends: how each kind of remote is reached, as a file system in fsspec's words."""
