"""Looking after stores and repositories: gc, fsck, du, migrate, doctor, undo, destroy.

In comes a project; out goes what is unused, wrong or in the way, and what was done about it. Start at `gc.gc` and `fsck.fsck`;
`reachable` finds everything that names objects.
"""
