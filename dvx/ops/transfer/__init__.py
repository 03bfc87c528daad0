"""Data on its way between the cache and remotes.

In come the paths that are meant (`scope`); out go plans of what one side lacks, and what came of them. Start at `sync.push`,
`fetch.fetch` and `pull.pull`; `plans` compares and copies, `claims` protects what a push relies on from `gc`.
"""
