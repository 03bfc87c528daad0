"""Caller: asks a remote, again where that may help, and says in one line what went wrong.

A library for retries would carry its loop only: how often and how long depends on the error, and on what the remote did before.
"""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from dvx.errors import RemoteError, quoted
from dvx.store.backends.answers import BUSY, Busy, TooSlow, wanted_pause
from dvx.store.backends.unreadable import UNREADABLE
from dvx.store.remotes.crowd import Aside
from dvx.store.remotes.pace import RATE, Pace
from dvx.store.remotes.schemes import Scheme

T = TypeVar("T")
_TRIES, _FIRST_TRIES = 7, 2
_PAUSE, _LONGEST_PAUSE = 0.5, 20.0
_PASSING = {
    errno.EIO, errno.EBUSY, errno.EAGAIN, errno.EINTR, errno.EPIPE, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED,
    errno.ECONNABORTED, errno.ENETUNREACH, errno.EHOSTUNREACH, getattr(errno, "EREMOTEIO", errno.EIO),
}  # fmt: skip
_REFUSED = ("401", "403")


class Caller:
    """Asks one remote, whose library raises `errors`: those that `scheme` says. What is slower than `pace` is cut.

    Threads may share it.
    """

    def __init__(self, name: str, url: str, scheme: Scheme, pace: Pace) -> None:
        self.scheme = scheme
        self._name = name
        self._url = url
        self._pace = pace
        self._reached = False
        self._aside = Aside()

    def __call__(self, call: Callable[[], T]) -> T:
        """Ask, again if what went wrong may pass; FileNotFoundError is an answer, other errors become RemoteError.

        Pauses double, and are longer or shorter by chance, so that many that failed at once do not come back at once. A remote
        that never answered gets fewer tries: it is rather wrong than busy.
        """
        tried = 0
        while True:
            tried += 1
            try:
                result = self._ask(call)
            except FileNotFoundError:
                self._reached = True
                raise
            except UNREADABLE as error:
                raise self._senseless(error) from error
            except self.errors as error:
                # who waited for too slow a server waited long
                most = _TRIES if self._reached and not isinstance(error, TooSlow) else _FIRST_TRIES
                if tried >= most or not self._is_passing(error):
                    raise self._explain(error) from error
                time.sleep(min(_LONGEST_PAUSE, max(_pause(error), _PAUSE * 2 ** (tried - 1) * _chance())))
            else:
                self._reached = True
                return result

    def _ask(self, call: Callable[[], T]) -> T:
        with self._pace.watched() as begin:
            try:
                return self._aside(call)
            except UNREADABLE:
                self._refuse_slow(begin)
                raise
            except self.errors:
                self._refuse_slow(begin)
                raise

    def _refuse_slow(self, begin: float) -> None:
        if self._pace.was_cut(begin):
            raise TooSlow(f"less than {RATE} bytes a second for {self._pace.seconds:g} seconds")

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What its library raises, as far as that is loaded."""
        return (OSError, *_classes(self.scheme.passing), *_classes(self.scheme.errors))

    def _senseless(self, error: BaseException) -> RemoteError:
        text = f"the remote `{self._name}` gave an answer that dvx cannot read: {type(error).__name__}: {first_line(error)}"
        hint = f"check `{self._url}`: another service, or a login page, may answer there"
        return RemoteError(text, hint)

    def _is_passing(self, error: BaseException) -> bool:
        passing: tuple[type[Exception], ...] = (TimeoutError, ConnectionError, *_classes(self.scheme.passing))
        return isinstance(error, passing) or _is_busy(error) or getattr(error, "errno", None) in _PASSING

    def _explain(self, error: BaseException) -> RemoteError:
        reason = first_line(error)
        refused = str(getattr(error, "status_code", "")) in _REFUSED or str(getattr(error, "code", "")) in _REFUSED
        if refused or isinstance(error, PermissionError) or "Credential" in type(error).__name__:
            hint = f"check the credentials: `dvx remote modify --local {quoted(self._name)} OPTION VALUE`"
            if "://" in self._name:
                hint = "give this machine credentials for it, or add a remote for it: `dvx remote add NAME URL`"
            return RemoteError(f"the remote `{self._name}` refuses access: {reason}", hint)
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return RemoteError(
                f"the remote `{self._name}` is full: {reason}", "free some space there, then run the command again"
            )
        if isinstance(error, TooSlow):
            option = next((one for one in ("read_timeout", "timeout") if one in self.scheme.options), "")
            more = f", or set `{option}` (seconds) of the remote higher" if option and self.scheme.protocol != "ssh" else ""
            return RemoteError(f"the remote `{self._name}` is too slow: {reason}", f"check `{self._url}` and the network{more}")
        if _is_busy(error):
            return RemoteError(f"the remote `{self._name}` failed again and again: {reason}", "try it later, or ask who runs it")
        if not self._is_passing(error):
            return RemoteError(f"the remote `{self._name}` failed: {reason}", f"its URL is `{self._url}`")
        return RemoteError(f"the remote `{self._name}` cannot be reached: {reason}", f"check `{self._url}` and the network")


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.strip().split("\n")[0]


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, Busy) or getattr(error, "code", None) in BUSY


def _chance() -> float:
    """Makes pauses longer or shorter, by up to a half."""
    import random

    return random.uniform(0.5, 1.5)  # noqa: S311


def _pause(error: BaseException) -> float:
    """How long (seconds) the server asks to wait; 0 where it does not."""
    if isinstance(error, Busy):
        return error.pause
    response = getattr(error, "response", None)
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}) if isinstance(response, dict) else {}
    return wanted_pause(headers or getattr(response, "headers", None) or {})


def _classes(names: Iterable[str]) -> tuple[type[Exception], ...]:
    """Exception classes by their dotted names; what is not loaded cannot be raised, and is not worth loading."""
    parts = [name.rpartition(".") for name in names]
    return tuple(getattr(sys.modules[module], word) for module, _, word in parts if module in sys.modules)
