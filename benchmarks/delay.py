"""`python -m benchmarks.delay HOST PORT SECONDS`: a TCP proxy that delays what a client sends, as a far network does.

Prints the port that it listens on. Only the way to the server is delayed, which makes every round trip that much longer.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

_CHUNK = 1 << 16


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1024)

    async def write() -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            target.write(data)
            await target.drain()
        target.close()

    writing = asyncio.create_task(write())
    try:
        while data := await source.read(_CHUNK):
            await waiting.put((loop.time() + seconds, data))
    except ConnectionError:
        pass
    await waiting.put((loop.time() + seconds, b""))
    try:
        await writing
    except ConnectionError:
        target.close()


async def _serve(host: str, port: int, seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there, back = await asyncio.open_connection(host, port)
    await asyncio.gather(_pass_on(reader, back, seconds), _pass_on(there, writer, 0))


async def _main(host: str, port: int, seconds: float) -> None:
    server = await asyncio.start_server(partial(_serve, host, port, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
