"""Data from elsewhere, recorded with where it came from: import, import-url, import-db, datasets, get, update.

In comes a repository, URL or query; out goes data in the workspace and a pointer that names its source. Start at
`record` for new imports and at `update` for newer versions; `records` writes the pointers.
"""
