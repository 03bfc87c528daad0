"""What the repository tracks, and the files that say so: pointers, pipeline files, locks, ignore rules.

In comes a project and a source, the workspace or a revision; out goes an `Index` of everything tracked there.
Start at `index.load_index`; `sources.Source` is where text files are read from, `ignore` says what is left alone.
"""
