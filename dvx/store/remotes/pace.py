"""Pace: connections over which almost nothing moves are cut, whatever library waits for them.

Libraries give up silence, but a server that sends a byte a second is never silent. What moved over the connections of this
process is asked of the kernel, which knows it of all of them alike: on Linux. Elsewhere nothing is cut, nor are connections of
SSH, which are another process's: there a minute of silence ends the wait (`backends.openssh`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator

RATE = 1000
_CHECKS = 6
_HANDLES = "/proc/self/fd"
# in the kernel's `struct tcp_info`: the bytes that the other side confirmed, and those that came
_ACKED_AND_RECEIVED, _AT = struct.Struct("=QQ"), 120
_ASKED = 192
_ESTABLISHED = 1


class Pace:
    """Watches calls to one remote. When one has lasted for `seconds`, and less than `RATE` bytes a second moved in that time over
    all connections together, these are cut, and who waits for them gets an error. Threads share it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._calls: dict[object, float] = {}
        self._news = threading.Condition()
        self._watches = not os.path.isdir(_HANDLES) or not hasattr(socket, "TCP_INFO")
        self._cut = 0.0

    @contextlib.contextmanager
    def watched(self) -> Iterator[float]:
        """A call to the remote; gives when it began."""
        call, begin = object(), time.monotonic()
        with self._news:
            self._calls[call] = begin
            if not self._watches:
                self._watches = True
                threading.Thread(target=self._watch, daemon=True).start()
            self._news.notify()
        try:
            yield begin
        finally:
            with self._news:
                del self._calls[call]

    def was_cut(self, since: float) -> bool:
        """Whether connections were cut since a moment of the monotonic clock."""
        return self._cut >= since

    def _watch(self) -> None:
        while True:
            with self._news:
                while not self._calls:
                    self._news.wait()
            self._follow()

    def _follow(self) -> None:
        """Look until there is no call."""
        before, moved = dict(_counts()), list[tuple[float, int]]()
        while True:
            time.sleep(self.seconds / _CHECKS)
            with self._news:
                if not self._calls:
                    return
                oldest = min(self._calls.values())
            now, after = time.monotonic(), dict(_counts())
            moved.append((now, sum(max(0, count - before.get(inode, 0)) for inode, count in after.items())))
            moved = [one for one in moved if one[0] > now - self.seconds]
            before = after
            lasted = now - max(oldest, self._cut)
            if lasted >= self.seconds and sum(count for _, count in moved) < RATE * self.seconds:
                self._cut = now
                for connection in _connections():
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


def _counts() -> Iterator[tuple[int, int]]:
    """The inode of each connection, and the bytes that moved over it, both ways."""
    for connection in _connections():
        with contextlib.suppress(OSError, struct.error):
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ASKED)
            yield os.fstat(connection.fileno()).st_ino, sum(_ACKED_AND_RECEIVED.unpack_from(told, _AT))


def _connections() -> Iterator[socket.socket]:
    """The TCP connections of this process, each as a handle that is closed at the next step."""
    for name in os.listdir(_HANDLES):
        with contextlib.suppress(OSError):
            handle = os.dup(int(name))
            if not stat.S_ISSOCK(os.fstat(handle).st_mode):
                os.close(handle)
                continue
            with socket.socket(fileno=handle) as found:
                if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM:
                    state = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
                    if state == _ESTABLISHED:
                        yield found
