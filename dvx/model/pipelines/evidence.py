"""What tells the content of a recorded path from any other: its digest, or at a URL what the store tells of it."""

from __future__ import annotations

from dvx.model.tracked.pointer import Recorded

_TOKENS = ("etag", "checksum")
TOKEN_FIELDS = ("hash", *_TOKENS, "size", "nfiles", "version_id")
"""The fields of an entry without a digest, in the order in which a lock has them."""


def evidence(recorded: Recorded | None) -> str:
    """The digest of a path, or its ETag or checksum; empty for what is not there, or of which nothing is known."""
    if recorded is None:
        return ""
    if recorded.content is not None:
        return str(recorded.content.digest)
    return next((str(recorded.extras[key]) for key in _TOKENS if recorded.extras.get(key)), "")
