"""Commands that copy data between the cache and remotes: push, fetch, pull."""
