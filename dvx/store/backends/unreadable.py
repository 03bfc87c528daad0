"""What libraries stumble over when a server, or a command that gives credentials, does not speak their language."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dvx.errors import RemoteError

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, AssertionError, SyntaxError, RecursionError)


@contextlib.contextmanager
def readable_credentials() -> Iterator[None]:
    """Raises RemoteError where Amazon's library finds credentials that it cannot read."""
    try:
        yield
    except UNREADABLE as error:
        text = f"the credentials that your AWS configuration names cannot be read: {type(error).__name__}: {error}"
        raise RemoteError(text, "if it has a `credential_process`, run that command by hand: it must print JSON") from error
