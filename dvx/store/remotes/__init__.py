"""Remotes: objects in folders, buckets and on servers, one by one or in packs, and their way to and from the cache.

In come a URL with options, and digests; out go verified bytes. Start at `remote.open_remote`, `remote_objects.RemoteObjects` and
`copy`; what speaks to one kind of server stands in `store.backends`.
"""
