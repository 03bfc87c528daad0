"""Commands on tracked data: add, commit, move, remove, freeze, status, diff, ls.

In come targets as typed; out go changed pointers, locks and ignore files, or what differs. One module a command, with its
name: `add.add`, `commit.commit`, `status.status`.
"""
