"""Where bytes live: the cache, remotes, the trash, and databases that may be lost.

In come digests and names; out go verified bytes. Start at `cache.Cache`, `remote.Remote` and `remote_objects.RemoteObjects`;
`files` is the one door to the file system, `backends` has a module for each kind of remote.
"""
