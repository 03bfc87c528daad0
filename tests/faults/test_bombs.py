"""Bad input is cheap to refuse: 2 seconds and 300 MB at most for each of its MB."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from tests.helpers import commit_all, dvx, run_process, write
from tests.patience import slowness

Count = Callable[[str, int], None]
_SECONDS, _BYTES = 2.0, 300 << 20
_TRIES = 5
_MB = 1 << 20


def _laughs(depth: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, depth)]
    return "\n".join(lines) + "\n"


def _laughing_maps(depth: int) -> str:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{level}: &a{level} {{p: *a{level - 1}, q: *a{level - 1}, <<: *a{level - 1}}}" for level in range(1, depth)]
    return "\n".join(lines) + "\n"


# about a megabyte each, or less
BOMBS = {
    "aliases": _laughs(30),
    "aliased maps": _laughing_maps(40),
    "a list in a list": "[" * (_MB // 2),
    "closed lists": "[" * (_MB // 2) + "]" * (_MB // 2),
    "maps in maps": "{a: " * (_MB // 4),
    "deep blocks": "".join(" " * level + "a:\n" for level in range(1400)),
    "dashes": "- " * (_MB // 2),
    "one long line": "a: " + "x" * _MB,
    "many keys": "".join(f"k{number}: 1\n" for number in range(90_000)),
    "many outs": "outs:\n" + "".join(f"- path: p{number}\n" for number in range(60_000)),
    "many stages": "stages:\n" + "".join(f"  s{number}:\n    cmd: x\n" for number in range(40_000)),
    "a huge number": "size: " + "9" * _MB,
    "anchors": "".join(f"- &a{number} x\n" for number in range(80_000)),
    "binary": "\x00\x01\x02" * (_MB // 3),
    "tags": "- !!python/object/apply:os.system [id]\n" * 20_000,
    "a matrix": "stages:\n  s:\n    matrix:\n" + "".join(f"      m{n}: {list(range(30))}\n" for n in range(12)) + "    cmd: x\n",
    "templates": "vars:\n- a: ${b}\nstages:\n  s:\n    cmd: " + "${" * 100_000 + "}" * 100_000 + "\n",
}
_PLACES = ("a.dvx", "dvx.yaml", "dvx.lock", "params.yaml", ".dvx/config")


@pytest.fixture
def project(native: Path) -> Path:
    write(native / "a", "1")
    write(native / "params.yaml", "n: 1\n")
    dvx(native, "add", "a")
    dvx(native, "stage", "add", "-n", "one", "-d", "a", "-p", "n", "-o", "b", "cp a b")
    dvx(native, "repro")
    commit_all(native)
    return native


@pytest.mark.parametrize("place", _PLACES)
def test_a_bomb_is_refused_cheaply(project: Path, all_points: bool, count: Count, place: str):
    names = list(BOMBS) if all_points else list(BOMBS)[_PLACES.index(place) :: len(_PLACES)]
    good = (project / place).read_bytes()
    for name in names:
        (project / place).write_text(BOMBS[name])
        for command in (("status",),) if place != "params.yaml" else (("params", "diff"), ("status",)):
            _is_cheap(project, command, len(BOMBS[name]), f"{name} in {place}")
        (project / place).write_bytes(good)
    count(f"bombs in `{place}`", len(names))


_TREES = {
    "lists in lists": b"[" * _MB,
    "maps in maps": b'{"a":' * (_MB // 5),
    "no tree": b'{"relpath": "x"}',
    "many bad names": json.dumps([{"xxh128": "0" * 32, "relpath": "../x"}] * 15_000).encode(),
    "one name often": json.dumps([{"xxh128": "0" * 32, "relpath": "x"}] * 15_000).encode(),
    "many names": json.dumps([{"xxh128": "0" * 32, "relpath": f"x{n}"} for n in range(15_000)]).encode(),
    "a deep name": json.dumps([{"xxh128": "0" * 32, "relpath": "/".join("a" * 400_000)}]).encode(),
    "a huge number": b'[{"size": ' + b"9" * _MB + b"}]",
}


@pytest.mark.parametrize("name", _TREES)
def test_a_bad_tree_is_refused_cheaply(project: Path, count: Count, name: str):
    data = _TREES[name]
    digest = xxhash.xxh3_128_hexdigest(data)
    write(project / f".dvx/cache/files/xxh128/{digest[:2]}/{digest[2:]}.dir", data)
    write(project / "d.dvx", f"outs:\n- xxh128: {digest}.dir\n  size: 1\n  nfiles: 1\n  hash: xxh128\n  path: d\n")
    _is_cheap(project, ("checkout", "d"), len(data), name)
    assert not (project / "d").exists() or not any((project / "d").iterdir())
    count("bad trees", 1)


_WASTES = {
    "time": "import time\nwhile time.process_time() < 6: pass",
    "memory": "held = bytearray(400 << 20)\nheld[::4096] = b'x' * len(held[::4096])",
}


@pytest.mark.parametrize("kind", _WASTES)
def test_a_command_that_wastes_is_found(project: Path, kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(f"{__name__}._TRIES", 1)
    program = ("python", "-c", f"{_WASTES[kind]}\nfrom dvx.cli.main import main\nmain()")
    with pytest.raises(AssertionError, match="wasted"):
        _is_cheap(project, ("status",), 100, "wasted", program)


def _is_cheap(project: Path, command: tuple[str, ...], size: int, what: str, program: tuple[str, ...] = ("dvx",)) -> None:
    """CPU time above that of a start: the best of some tries, as a busy machine makes each of them worse."""
    mb = max(1.0, size / _MB)
    limit = 0.5 + _SECONDS * mb
    taken = [_cost(project, (*program, *command), mb, what)]
    while min(taken) >= limit and len(taken) < _TRIES:
        taken.append(_cost(project, (*program, *command), mb, what) / slowness())
    assert min(taken) < limit, (what, command, taken)


# a process counts as its own what its parent took up when it was started: hence a small parent
_SMALL_PARENT = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
told = {"code": done.returncode, "text": done.stderr.decode(errors="replace")}
print(json.dumps(told | {"seconds": used.ru_utime + used.ru_stime, "bytes": used.ru_maxrss * 1024}))
"""


def _cost(project: Path, command: tuple[str, ...], mb: float, what: str) -> float:
    told = run_process(project, "python", "-c", _SMALL_PARENT, *command).json
    text = told["text"]
    assert told["code"] in (0, 1), (what, command, told["code"], text[-500:])
    assert "Traceback" not in text, (what, text[-500:])
    assert len(text) < 20_000, (what, len(text))
    assert told["bytes"] < _BYTES * mb, (what, command, told["bytes"], text[-300:])
    return float(told["seconds"])
