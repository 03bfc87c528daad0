"""remote test: who we are at a remote, what we may do there, how far away it is. What it writes there it removes."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from dvx.config import RemoteSettings
from dvx.errors import DvxError, MissingData, quoted
from dvx.model.setup.settings import redact
from dvx.ops.transfer.plans import Remotes
from dvx.project import Project
from dvx.store.remotes import probe
from dvx.store.remotes.remote import Remote

_TRIPS = 5
_DATA = b"written by `dvx remote test`, which removes it\n"
_SKEW = 300.0
_NETWORK_TIME = "set the clock of this machine by the network"


class ProbeVerdict(Enum):
    """How a probe ended."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "not tried"
    UNSUPPORTED = "not supported"


class Probe(Struct, frozen=True):
    """One probe, why it failed and what to do; `needed` says that push and pull do not work without."""

    check: str
    verdict: ProbeVerdict
    detail: str = ""
    hint: str = ""
    needed: bool = False


class RemoteTest(Struct, frozen=True):
    """What came of testing a remote. `latency` is in milliseconds, `clock` in seconds that the server is ahead, both if known."""

    remote: str
    url: str
    probes: tuple[Probe, ...]
    latency: float | None = None
    clock: float | None = None

    @property
    def lacking(self) -> tuple[Probe, ...]:
        """What failed that a push or a pull needs."""
        return tuple(each for each in self.probes if each.needed and each.verdict in (ProbeVerdict.FAILED, ProbeVerdict.UNKNOWN))


def try_remote(project: Project, name: str, *, reading: bool = False) -> RemoteTest:
    """Test the remote of that name, or the default one; with `reading` only what a pull needs, and nothing is written.

    Raises:
        UnknownTarget: there is none.
        ConfigError: it cannot even be opened.
    """
    remotes = Remotes(project, name, 1)
    opened = remotes.versioned("") or remotes.open("")
    return _Tester(project, project.config.remote(name), opened.remote, reading=reading).run()


class _Tester:
    """The probes of one remote, in their order; each tells the later ones what there is."""

    def __init__(self, project: Project, settings: RemoteSettings, remote: Remote, *, reading: bool = False) -> None:
        self._project = project
        self._settings = settings
        self._remote = remote
        self._reading = reading
        self._name = f".dvx-probe-{secrets.token_hex(8)}"
        self._once = f"{self._name}-once"
        self._found: list[Probe] = []

    def run(self) -> RemoteTest:
        """Do all of them."""
        remote, url = self._remote, redact(self._settings.url)
        unreached = self._reach()
        if unreached is not None:
            rest = ("list", "read") if self._reading else ("list", "read", "write")
            self._found += [unreached, *(Probe(what, ProbeVerdict.UNKNOWN, needed=True) for what in rest)]
            return RemoteTest(remote.name, url, tuple(self._found))
        self._add("identity", self._identity, needed=False)
        self._add("list", self._list)
        if self._reading:
            self._add("read", self._read_nothing)
            return self._result(self._latency())
        latency = None
        try:
            wrote = self._add("write", self._write)
            self._add("read", self._read if wrote else self._read_nothing)
            self._add("write once", self._write_once, needed=False, tried=wrote)
            latency = self._latency()
        finally:
            self._add("delete", self._delete, needed=False, tried=any(each.check == "write" for each in self._found))
        return self._result(latency)

    def _result(self, latency: float | None) -> RemoteTest:
        clock = probe.clock(self._settings.url, self._settings.options)
        self._found.append(_clock_probe(clock))
        return RemoteTest(self._remote.name, redact(self._settings.url), tuple(self._found), latency, clock)

    def _add(self, what: str, ask: Callable[[], tuple[ProbeVerdict, str]], *, needed: bool = True, tried: bool = True) -> bool:
        """Note how a probe ended; whether it went well."""
        try:
            verdict, detail = ask() if tried else (ProbeVerdict.UNKNOWN, "")
            hint = ""
        except DvxError as error:
            verdict, detail, hint = ProbeVerdict.FAILED, error.message, error.hint
        self._found.append(Probe(what, verdict, detail, hint, needed))
        return verdict is ProbeVerdict.OK

    def _reach(self) -> Probe | None:
        """Why it makes no sense to go on: nobody answers, or the container does not exist."""
        try:
            self._remote.read(self._name)
        except MissingData:
            return None
        except DvxError as error:
            if isinstance(error.__cause__, PermissionError):
                return None
            return Probe("reach", ProbeVerdict.FAILED, error.message, error.hint, needed=True)
        return None

    def _identity(self) -> tuple[ProbeVerdict, str]:
        who = probe.identity(self._remote, self._settings.options, self._project.config.environ)
        if not who.who:
            name = quoted(self._settings.name)
            hint = (
                f"run `dvx remote modify --local {name} access_key_id KEY` and so on, or `dvx remote modify {name} profile NAME`"
            )
            raise DvxError("no credentials were found", hint)
        return ProbeVerdict.OK, f"{who.who}, from {who.source}"

    def _list(self) -> tuple[ProbeVerdict, str]:
        if probe.can_list(self._remote) is None:
            return ProbeVerdict.UNSUPPORTED, "objects are looked up one by one"
        return ProbeVerdict.OK, ""

    def _write(self) -> tuple[ProbeVerdict, str]:
        try:
            self._remote.put(_DATA, self._name)
            self._remote.flush()
        except BaseException:
            self._remote.discard()
            raise
        return ProbeVerdict.OK, ""

    def _read(self) -> tuple[ProbeVerdict, str]:
        if self._remote.read(self._name) != _DATA:
            raise DvxError("what was read is not what was written", "is there a cache, or another program, in between?")
        return ProbeVerdict.OK, ""

    def _read_nothing(self) -> tuple[ProbeVerdict, str]:
        try:
            self._remote.read(self._name)
        except MissingData:
            pass
        return ProbeVerdict.OK, "an object that is not there is not refused"

    def _write_once(self) -> tuple[ProbeVerdict, str]:
        once = probe.writes_once(self._remote, self._once)
        if once is None:
            return ProbeVerdict.UNSUPPORTED, ""
        if not once:
            return ProbeVerdict.UNSUPPORTED, "the second of two writers is not refused; dvx does without"
        return ProbeVerdict.OK, "the second of two writers is refused"

    def _latency(self) -> float | None:
        took = []
        for _ in range(_TRIPS):
            begin = time.perf_counter()
            try:
                self._remote.missing([self._name])
            except DvxError:
                return None
            took.append((time.perf_counter() - begin) * 1000)
        return statistics.median(took)

    def _delete(self) -> tuple[ProbeVerdict, str]:
        written = sorted({self._name, self._once} - self._remote.missing([self._name, self._once]))
        try:
            for name in written:
                self._remote.remove(name)
            left = sorted(set(written) - self._remote.missing(written))
        except DvxError as error:
            raise DvxError(
                f"{error.message}; `{written[0]}` stays there", "remove it by hand; `gc` will not work there"
            ) from None
        if left:
            raise DvxError(f"`{left[0]}` stays there", "remove it by hand")
        return (ProbeVerdict.OK, "") if written else (ProbeVerdict.UNKNOWN, "nothing was written")


def _clock_probe(clock: float | None) -> Probe:
    if clock is None:
        return Probe("clock", ProbeVerdict.UNSUPPORTED)
    if abs(clock) > _SKEW:
        return Probe("clock", ProbeVerdict.FAILED, f"the server is {clock:+.0f} s ahead", _NETWORK_TIME)
    return Probe(
        "clock", ProbeVerdict.OK, "the same to the second" if abs(clock) < 1.5 else f"the server is {clock:+.0f} s ahead"
    )
