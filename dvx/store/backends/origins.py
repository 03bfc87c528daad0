"""Origins: credentials stay with the server that they were given for, also where that server redirects to another one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

from dvx.errors import RemoteError
from dvx.model.paths import printable
from dvx.store.backends.answers import refusal

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.hostname or ''}:{parts.port or _PORTS.get(parts.scheme.lower(), '')}"


def leaves(url: str, target: str) -> bool:
    """Whether a redirect from `url` to `target` leads to another origin, so that no credentials may go along.

    Raises:
        RemoteError: it leads from `https` to `http`, where anybody on the way could read and change what is sent.
    """
    here, there = origin_of(url), origin_of(target)
    if here.startswith("https:") and not there.startswith("https:"):
        text = f"`{printable(here)}` redirects to `{printable(there)}`, which is not encrypted, so dvx did not follow"
        raise RemoteError(text, "use a URL that `https` serves all the way")
    return here != there


class OtherServer(RemoteError):
    """A server redirects to another one, where the credentials that were sent to it must not go; `target` is the URL there."""

    def __init__(self, target: str) -> None:
        text = f"the server redirects to `{printable(origin_of(target))}`, where your credentials do not go"
        super().__init__(text, "if you trust that server, make it the URL or the `endpointurl` of the remote")
        self.target = target


def refuse_redirect(response: tuple[Any, Any] | None = None, **_: Any) -> None:
    """For botocore's `needs-retry` events: it would look for the region of a bucket that is redirected, also where the server
    does not mean a region, and then without end.
    """
    answer = response[0] if response is not None else None
    if answer is None or answer.status_code not in _REDIRECTS or "x-amz-bucket-region" in answer.headers:
        return
    location = answer.headers.get("location")
    if location:
        raise OtherServer(urljoin(answer.url, location))
    raise refusal(answer.status_code, f"the server answers {answer.status_code}", answer.url)
