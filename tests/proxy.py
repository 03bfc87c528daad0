"""FaultProxy: a TCP proxy that delays, slows, stalls or breaks what passes, as a bad network does."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
import time
from collections.abc import Iterator

_CHUNK = 1 << 14
_BODY = 1000
_REQUEST = re.compile(rb"([A-Z]+ /\S*) HTTP/1\.1\r\n")


class FaultProxy:
    """Passes bytes on to `host:port`; its attributes say what goes wrong, and may change at any time.

    `broken` is the share of connections that are reset at once or after some bytes; `latency` (seconds) is added to what a
    client sends; `rate` (bytes a second) limits a connection, 0 does not; while `stalled`, nothing passes. `flips` is how many
    pieces of what is uploaded get a wrong byte. After `drip` bytes to a client (None: never), one passes each fifth of a
    second. `sent` and `received` count the bytes from clients and to them, `requests` has the first line of each request.
    """

    def __init__(self, host: str, port: int, seed: int = 0) -> None:
        self.broken = 0.0
        self.latency = 0.0
        self.rate = 0
        self.stalled = False
        self.flips = 0
        self.drip: int | None = None
        self.sent = 0
        self.received = 0
        self.requests: list[str] = []
        self._chance = random.Random(seed)
        self._target = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listening.getsockname()[1]
        return port

    def reset(self) -> None:
        """Break all connections that are open now."""
        for each in list(self._open):
            _abort(each)

    def close(self) -> None:
        """Stop."""
        self._closed = True
        self._listening.close()
        self.reset()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            fails = self._chance.random() < self.broken
            budget = self._chance.choice([0, 100, 5_000, 20_000]) if fails else -1
            threading.Thread(target=self._serve, args=(client, budget), daemon=True).start()

    def _serve(self, client: socket.socket, budget: int) -> None:
        if budget == 0:
            _abort(client)
            return
        try:
            server = socket.create_connection(self._target, timeout=30)
        except OSError:
            _abort(client)
            return
        server.settimeout(None)
        self._open |= {client, server}
        back = threading.Thread(target=self._pass, args=(server, client, 0.0, budget, False), daemon=True)
        back.start()
        self._pass(client, server, self.latency, budget, True)
        back.join()
        for each in (client, server):
            self._open.discard(each)
            each.close()

    def _trickle(self, data: bytes, target: socket.socket) -> None:
        for at in range(len(data)):
            if self.drip is None:
                target.sendall(data[at:])
                return
            target.sendall(data[at : at + 1])
            time.sleep(0.2)

    def _pass(self, source: socket.socket, target: socket.socket, latency: float, budget: int, up: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if latency:
                    time.sleep(latency)
                while self.stalled and not self._closed:
                    time.sleep(0.02)
                if self.rate:
                    time.sleep(len(data) / self.rate)
                passed += len(data)
                if self.drip is not None and passed > self.drip and not up:
                    self._trickle(data, target)
                    continue
                if up:
                    self.sent += len(data)
                    self.requests += [match.decode() for match in _REQUEST.findall(data)]
                    if self.flips and len(data) > _BODY and b"HTTP/1.1" not in data:
                        self.flips -= 1
                        data = data[:_BODY] + bytes([data[_BODY] ^ 1]) + data[_BODY + 1 :]
                else:
                    self.received += len(data)
                if 0 <= budget < len(data):
                    target.sendall(data[:budget])
                    _abort(source)
                    _abort(target)
                    return
                budget -= len(data) if budget >= 0 else 0
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def _abort(one: socket.socket) -> None:
    """Close with a reset rather than an end."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()


@contextlib.contextmanager
def fault_proxy(endpoint: str, seed: int = 0) -> Iterator[FaultProxy]:
    """A proxy in front of `http://HOST:PORT`."""
    host, _, port = endpoint.partition("://")[2].partition(":")
    proxy = FaultProxy(host, int(port), seed)
    try:
        yield proxy
    finally:
        proxy.close()
