"""What dvx keeps for itself, written by a stranger: no command acts on it beyond dvx's own folders, or ends in a bug.

All that hostile values name are harmless neighbours below the test's own folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dvx.model.pipelines.run import Place, Run, State
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write

Count = Callable[[str, int], None]
Attack = Callable[[Path], None]
_PATIENCE = 30
# none of them leads anywhere but to folders called `v`, of which there is one on each level up to the test's own
_PATHS = ("../../../../../v", "../../../../../../v/letter", "../../v", "..", "v/../../v", "/v", "v\n", "", "a" * 40 + "\n")
_NOT_TEXT: tuple[Any, ...] = (None, 7, -1, 1.5, [], {}, [["v"]], True, "\udcff")
_NO_NUMBERS: tuple[Any, ...] = (float("nan"), float("inf"), -1.0, 10**30, "7", None, [], "9" * 5000)
_AT_THE_END = f"UPDATE runs SET id = {(1 << 63) - 1} - (SELECT max(id) FROM runs) + id"
_DEEP = "[" * 100_000
_TABLES = (
    ("stats.db", "folders", "path, value"),
    ("rows.db", "rows", "key, sum, body"),
    ("runs.db", "facts", "id, run, fact, stage, data, time"),
    ("runs.db", "runs", "id, ident, name, place, state, asked, body"),
)
COMMANDS = (
    ("status",),
    ("exp", "show", "--json"),
    ("exp", "clean"),
    ("queue", "status"),
    ("queue", "remove", "--all"),
    ("queue", "retry"),
    ("queue", "stop"),
    ("queue", "kill"),
    ("runs", "list", "--all"),
    ("runs", "show"),
    ("runs", "logs"),
    ("runs", "cancel"),
    ("runs", "retry"),
    ("trash", "list"),
    ("trash", "empty", "-f"),
    ("undo",),
    ("remove", "data"),
    ("repro",),
    ("gc", "-w", "-f"),
    ("fsck",),
    ("doctor",),
    ("exp", "show"),
)


class _State:
    """The places of a clone."""

    def __init__(self, clone: Path) -> None:
        dialect = dialect_of(clone)
        self.clone, self.name = clone, dialect.name
        self.top = clone / dialect.folder / dialect.state_folder
        self.cache = clone / dialect.folder / "cache"
        self.pointer = f"data{dialect.pointer_suffix}"

    def run(self, database: str, query: str, *values: Any) -> None:
        """Change one of its databases."""
        with closing(sqlite3.connect(self.top / database, isolation_level=None)) as connection:
            connection.execute(query, values)

    def ask(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.top / database)) as connection:
            return connection.execute(query).fetchall()

    def task(self, **fields: Any) -> None:
        """Other fields for the task that waits, in its row and its body."""
        (body,) = self.ask("runs.db", "SELECT body FROM runs WHERE place = 'queue'")[0]
        self.run("runs.db", "UPDATE runs SET body = ? WHERE place = 'queue'", json.dumps(json.loads(body) | fields))
        for name in ("ident", "name", "state"):
            if name in fields and isinstance(fields[name], str) and fields[name].isprintable():
                self.run("runs.db", f"UPDATE runs SET {name} = ? WHERE place = 'queue'", fields[name])

    def fact(self, **fields: Any) -> None:
        """Other data in all rows of the journal."""
        for number, data in self.ask("runs.db", "SELECT id, data FROM facts"):
            self.run("runs.db", "UPDATE facts SET data = ? WHERE id = ?", json.dumps(json.loads(data) | fields), number)

    def bodies(self, body: Any) -> None:
        """Another body for all commits in `exp show`, with the right check sum."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        # the rows of commits name these
        self._rows("NOT LIKE", data)

    def marks(self, mark: bytes) -> None:
        """Another name of its body for each commit in `exp show`, and of what each version of a lock brought."""
        self._rows("LIKE", mark)

    def _rows(self, which: str, data: bytes) -> None:
        for (key,) in self.ask("rows.db", f"SELECT key FROM rows WHERE key {which} '%:%:%'"):
            total = zlib.crc32(data, zlib.crc32(key.encode()))
            self.run("rows.db", "UPDATE rows SET sum = ?, body = ? WHERE key = ?", total, data, key)

    def stats(self, value: bytes) -> None:
        """Another value in all rows of the stat cache, with the right check sum."""
        for (key,) in self.ask("stats.db", "SELECT path FROM folders"):
            sealed = zlib.crc32(value, zlib.crc32(key)).to_bytes(4, "little") + value
            self.run("stats.db", "UPDATE folders SET value = ? WHERE path = ?", sealed, key)

    def note(self, **fields: Any) -> None:
        """Other fields in the notes of the trash."""
        for place in self.top.glob("trash/*/note.json"):
            place.write_text(json.dumps(json.loads(place.read_text()) | fields))


def attacks() -> Iterator[tuple[str, Callable[[_State], None]]]:
    """Hostile states by name."""
    yield from _in_tasks()
    yield from _in_the_journal()
    yield from _in_what_may_be_lost()
    yield from _in_the_trash()
    yield from _among_files()


def _in_tasks() -> Iterator[tuple[str, Callable[[_State], None]]]:
    for field in ("ident", "name", "baseline", "snapshot", "worker", "commit"):
        for value in (*_PATHS[:6], "--force", *_NOT_TEXT[:3], "\udcff"):
            yield f"task {field} {value!r}", lambda one, field=field, value=value: one.task(**{field: value})
    for field in ("created", "started", "ended"):
        for number in _NO_NUMBERS:
            yield f"task {field} {str(number)[:20]}", lambda one, field=field, value=number: one.task(**{field: value})
    for shape in ({}, [], {"params": 1}, {"params": {"p": 1}, "metrics": {}, "deps": {}, "outs": {}}, {"deps": {"d": {}}}):
        yield f"task seen {shape}", lambda one, value=shape: one.task(state="failed", seen=value)
    for rows in (7, [7], [["p", [], "", 1]], [["p", ["a"], "?", 1]], [["../../v/p", ["a", -1], "", 1]], [[1, ["a"], "", 1]]):
        yield f"task overrides {rows}", lambda one, value=rows: one.task(overrides=value)
    for options in (7, {"jobs": "many"}, {"targets": 7}, {"targets": ["../../v"]}):
        yield f"task options {options}", lambda one, value=options: one.task(options=value)
    yield "task copied", lambda one: one.task(copied=["../v/letter"])
    for state in ("done", "", None, 7, "running", "success"):
        yield f"task state {state}", lambda one, value=state: one.task(state=value)
    for column in ("ident", "name", "place", "state", "asked", "body"):
        for thing in ("../../../../../v", b"\xff\xfe", 1 << 62, 0.5, "", _DEEP, "NaN", "null", "{"):
            query = f"UPDATE OR REPLACE runs SET {column} = ?"
            yield f"column {column} {thing!r:.30}", lambda one, query=query, value=thing: one.run("runs.db", query, value)
    yield "ids at their end", lambda one: one.run("runs.db", _AT_THE_END)
    yield "a text that is none", lambda one: one.run("runs.db", "UPDATE runs SET name = CAST(x'ff' AS TEXT)")
    yield "a mark that is no time", lambda one: one.run("runs.db", "INSERT INTO marks VALUES ('stop', 'v')")
    yield "another table", lambda one: (one.run("runs.db", "DROP TABLE runs"), one.run("runs.db", "CREATE TABLE runs (v)"))[0]
    yield "no database", lambda one: (write(one.top / "runs.db", "v" * 4096), None)[1]
    yield "no list of an earlier version", lambda one: (write(one.top / "exps/tasks.db", "v" * 4096), None)[1]
    for number, thing in enumerate(("../../../../../v", b"\xff\xfe", 7, None, "", _DEEP, "NaN", "{", '{"ident": "../v"}')):
        yield f"a list of an earlier version {number}", lambda one, value=thing: _earlier(one, value)


def _in_the_journal() -> Iterator[tuple[str, Callable[[_State], None]]]:
    log = "../v/letter"
    fields: dict[str, tuple[Any, ...]] = {
        "attempt": (*_NO_NUMBERS, 0),
        "log": (log, "../../v/letter", "v/letter", "letter", 7, None, ".dvx/tmp/logs/20260101-000000-1/../../../../../v/letter"),
        "key": ("../v", "a" * 63, 7),
        "code": _NO_NUMBERS,
        "seconds": _NO_NUMBERS,
        "options": (7, [], {"targets": 7}, {"targets": [7]}, {"jobs": "many"}),
        "stages": (7, {}, [7]),
        "error": (7, [], None),
        "beat": (7, []),
        "interrupted": ("v", 7),
    }
    for field, values in fields.items():
        for value in values:
            yield f"fact {field} {value!r:.40}", lambda one, field=field, value=value: one.fact(**{field: value})
    yield "what was asked", lambda one: one.run("runs.db", "UPDATE runs SET body = json_set(body, '$.options.targets', 7)")
    for column in ("run", "fact", "stage", "data", "time"):
        for thing in ("../../../../v", "..", "", b"\xff", 1 << 62, -1, None, _DEEP, "NaN", "1e999"):
            query = f"UPDATE facts SET {column} = ?"
            yield f"fact column {column} {thing!r:.30}", lambda one, query=query, value=thing: one.run("runs.db", query, value)
    yield "a run that never began", lambda one: one.run("runs.db", "UPDATE facts SET data = '7' WHERE fact = 'RunStarted'")


def _in_what_may_be_lost() -> Iterator[tuple[str, Callable[[_State], None]]]:
    empty = {"params": {}, "metrics": {}, "deps": {}, "outs": {}}
    data: tuple[Any, ...] = (
        7, [], {}, {**empty, "params": []}, {**empty, "params": {"p": 7}}, {**empty, "deps": {"d": {}}}, {**empty, "outs": [7]},
        {**empty, "metrics": {"m": {"error": {}}}}, {**empty, "deps": {"d": {"hash": 7, "size": "v", "nfiles": -1}}}
    )  # fmt: skip
    for one_data in data:
        yield f"row {one_data}", lambda one, value=one_data: one.bodies({"data": value, "error": None})
    for body in (7, [], {}, {"data": None}, {"data": None, "error": 7}, _DEEP, "{", "NaN"):
        yield f"row {body!r:.20}", lambda one, value=body: one.bodies(value)
    for mark in (b"", b"v", b"../../v", b"\xff\xfe", b"v\0", b"v " * 50_000):
        yield f"mark {mark[:10]!r}", lambda one, value=mark: one.marks(value)
    packed = (
        b"",
        b"\xc1",
        b"\x91" * 100_000,
        *map(msgspec.msgpack.encode, (7, {}, {b"data": 7}, {b"data": b"v" * 60}, {b"": b""})),
    )
    for value in packed:
        yield f"stats {value[:20]!r}", lambda one, value=value: one.stats(value)
    for text in (b"md5:v 1 1", b"md5:" + b"a" * 32 + b".dir -1 " + b"9" * 5000, b"\xff", b"  "):
        yield f"stats of a folder {text[:20]!r}", lambda one, value=b"0" * 16 + text: one.stats(value)


def _in_the_trash() -> Iterator[tuple[str, Callable[[_State], None]]]:
    for path in (*_PATHS, ".git/config", ".dvx/config.local", "link/letter", *_NOT_TEXT):
        yield f"note path {path!r}", lambda one, value=path: one.note(path=value)
    for field, values in {"taken": _NO_NUMBERS, "run": _NOT_TEXT[:6], "command": _NOT_TEXT[:6]}.items():
        for value in values:
            yield f"note {field} {str(value)[:20]}", lambda one, field=field, value=value: one.note(**{field: value})
    for text in (_DEEP, "7", "[]", "{", "\udcff", ""):
        yield f"note {text[:9]!r}", lambda one, value=text: _all(one.top.glob("trash/*/note.json"), value)
    yield "a note that is a pipe", lambda one: _pipes(one.top.glob("trash/*/note.json"))
    yield "a note that is a link", lambda one: _links(one.top.glob("trash/*/note.json"), one.clone.parent / "v/note.json")
    yield "a folder that is a link", lambda one: _links(one.top.glob("trash/*"), one.clone.parent / "v")
    yield "trash of another name", lambda one: (next(one.top.glob("trash/*")).rename(one.top / "trash/v"), None)[1]
    plan = {"run": "1-1", "begun": 0.0, "ids": ["../v", ".."], "targets": []}
    for wrong in (plan, {**plan, "run": 7}, {**plan, "begun": -1}, {**plan, "ids": 7}, [], 7):
        yield f"restore {wrong}", lambda one, value=wrong: (write(one.top / "restore.json", json.dumps(value)), None)[1]
    for name in ("restore.json", "undo/1000000000000000000-1", "remove.json", "migrate.json"):
        for text in (_DEEP, "7", '["../../v/letter"]', '["/v"]', "{", "[null]"):
            yield f"{name} {text[:9]}", lambda one, name=name, value=text: (write(one.top / name, value), None)[1]


def _among_files() -> Iterator[tuple[str, Callable[[_State], None]]]:
    for name in ("v", "letter.log", "0123456789abcdef", "1-00000000", "md5-" + "a" * 32, "20260101-000000-1"):
        for folder in ("exps/rooms", "exps/logs", "exps/workers", "exps/scratch", "new", "logs", "trash", "../cache/partial"):
            yield f"a link {folder}/{name}", lambda one, place=f"{folder}/{name}": _link(one.top / place, one.clone.parent / "v")
            yield f"a folder {folder}/{name}", lambda one, place=f"{folder}/{name}": (write(one.top / place / "x", "x"), None)[1]
    for text in (
        _DEEP,
        "7",
        "{",
        '{"read": 7}',
        '{"write": {"/v": {"pid": -1, "cmd": "v"}}}',
        '{"write": {"v": {"pid": 1e30, "cmd": 7}}}',
    ):
        yield (
            f"rwlock {text[:60]}",
            lambda one, value=text: (write(one.clone / ".dvc/tmp/rwlock", value) if one.name == "dvc" else None, None)[1],
        )
    about = {"run": "20260101-000000-1", "number": 1, "key": "a" * 64, "log": "../v/letter", "began": 0}
    for first in (json.dumps(about), json.dumps({**about, "run": "../../../v"}), _DEEP, "7", "{"):
        for rest in ("process 1 (v) S\nend 0", f"process {'9' * 5000} v\nend {'9' * 5000}", "process ² ()\nend ²"):
            text = f"about {first}\n{rest}\n"
            yield f"trace {text[:40]!r} {rest[:12]!r}", lambda one, value=text: (write(one.top / "attempts/a", value), None)[1]
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
    for name, table, columns in _TABLES:
        yield (
            f"a view that never ends {name}",
            lambda one, name=name, table=table, columns=columns: (
                one.run(name, f"DROP TABLE {table}"),
                one.run(
                    name,
                    f"CREATE VIEW {table} ({columns}) AS {endless} SELECT {', '.join('x' * (columns.count(',') + 1))} FROM c",
                ),
            )[0],
        )
        trigger = f"CREATE TRIGGER t BEFORE INSERT ON {table} BEGIN INSERT INTO u SELECT * FROM ({endless} SELECT x FROM c); END"
        yield (
            f"a trigger that never ends {name}",
            lambda one, name=name, trigger=trigger: (one.run(name, "CREATE TABLE u (x)"), one.run(name, trigger))[0],
        )
    for name in ("stats.db", "rows.db", "runs.db"):
        yield f"a pipe {name}", lambda one, name=name: _pipes([one.top / name])


def _earlier(state: _State, value: Any) -> None:
    """The list of experiments of an earlier version, with a stranger's words in each column."""
    state.run("exps/tasks.db", "CREATE TABLE tasks (ident, place, name, state, worker, asked, body)")
    state.run("exps/tasks.db", "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?)", *[value] * 7)


def _all(places: Any, text: str) -> None:
    for place in places:
        write(place, text.encode("utf-8", "surrogatepass"))


def _link(place: Path, target: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def _links(places: Any, target: Path) -> None:
    for place in list(places):
        _link(place, target)


def _pipes(places: Any) -> None:
    for place in list(places):
        place.unlink()
        os.mkfifo(place)


@contextmanager
def _patience() -> Iterator[None]:
    """A command that hangs is an error, too."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(_PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


@pytest.fixture
def prepared(dialect_repo: Path) -> Path:
    """A project with something in each database, in the trash and in the queue."""
    dialect = dialect_of(dialect_repo)
    stages = "stages:\n  a:\n    cmd: cp data out\n    deps: [data]\n    params: [lr]\n    outs: [out]\n"
    write(dialect_repo / dialect.pipeline, stages)
    write(dialect_repo / "params.yaml", "lr: 1\n")
    write(dialect_repo / "data", "1\n")
    write(dialect_repo / "folder/x", "1\n")
    dvx(dialect_repo, "add", "data", "folder")
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo)
    dvx(dialect_repo, "exp", "run", "--queue", "-n", "one", "-S", "lr=2")
    (dialect_repo / "data").unlink()
    write(dialect_repo / "data", "mine\n")
    dvx(dialect_repo, "checkout", "-f", "data")
    dvx(dialect_repo, "exp", "show", "-A")
    dvx(dialect_repo, "status")
    return dialect_repo


@pytest.fixture
def victims(prepared: Path, tmp_path: Path) -> Path:
    """Folders that look like work trees and like objects, on each level above and in the clone."""
    clone = tmp_path / "one/two/clone"
    for level in (tmp_path / "one", tmp_path / "one/two"):
        write(level / "v/letter", "mine\n")
        write(level / "v/note.json", '{"path": "v", "taken": 1}')
        write(level / "v/content", "mine\n")
    return clone


def _copy(prepared: Path, clone: Path) -> None:
    shutil.rmtree(clone, ignore_errors=True)
    shutil.copytree(prepared, clone, symlinks=True)
    # the stat cache knows nothing of copies
    dvx(clone, "status")


def _outside(clone: Path) -> dict[str, object]:
    """All that is not the clone's, and what only its user can have written in it."""
    folders = [path for level in (clone.parent.parent, clone.parent) for path in sorted((level / "v").rglob("*"))]
    return {str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"") for path in folders}


def _trial(clone: Path, words: tuple[str, ...], before: dict[str, object], name: str) -> None:
    with _patience():
        result = run_dvx(clone, *words)
    assert result.code != 3, (name, words, result.err)
    assert "Traceback" not in result.err, (name, words, result.err)
    assert _outside(clone) == before, (name, words)
    assert (clone / "params.yaml").is_file(), (name, words)
    assert (clone / ".git/HEAD").is_file(), (name, words)


@pytest.mark.parametrize("part", range(4))
def test_what_a_stranger_keeps_for_dvx_is_not_acted_on(prepared: Path, victims: Path, part: int, all_points: bool, count: Count):
    clone, trials = victims, 0
    before = _outside(clone)
    for number, (name, attack) in enumerate(attacks()):
        if number % 4 != part or (not all_points and number % 3 != part % 3):
            continue
        _copy(prepared, clone)
        attack(_State(clone))
        commands = COMMANDS if all_points else (COMMANDS[number % len(COMMANDS)], COMMANDS[(number * 5 + 7) % len(COMMANDS)])
        for words in commands:
            _trial(clone, words, before, name)
            trials += 1
    count(f"hostile state ({dialect_of(prepared).name})", trials)


def test_a_task_whose_name_leads_elsewhere_is_named_and_left_alone(prepared: Path, victims: Path):
    clone = victims
    _copy(prepared, clone)
    before = _outside(clone)
    _State(clone).task(ident="../../../../../v")
    shown = dvx(clone, "queue", "status").err
    assert "leaves alone: `../../../../../v`" in shown
    assert "remove `" in shown
    for words in (("queue", "remove", "--all"), ("queue", "remove", "one"), ("exp", "clean"), ("exp", "remove", "--queue")):
        run_dvx(clone, *words)
        assert _outside(clone) == before
        assert _State(clone).ask("runs.db", "SELECT ident FROM runs WHERE place = 'queue'") == [("../../../../../v",)]


def test_work_trees_and_logs_stay_while_a_task_cannot_be_read(prepared: Path, victims: Path):
    clone = victims
    _copy(prepared, clone)
    state = _State(clone)
    state.task(created=-1)
    room, log = state.top / "exps/rooms/0123456789abcdef/x", state.top / f"exps/logs/{'a' * 40}.log"
    write(room, "work\n")
    write(log, "told\n")
    dvx(clone, "exp", "clean")
    assert [room.exists(), log.exists()] == [True, True]
    state.task(created=1)
    assert "Removed: 0123456789abcdef" in dvx(clone, "exp", "clean").err
    assert [room.exists(), log.exists()] == [False, False]


def test_what_is_not_ours_in_our_folders_stays(prepared: Path, victims: Path):
    clone = victims
    _copy(prepared, clone)
    state = _State(clone)
    places = [state.top / f"exps/{name}/mine/letter" for name in ("rooms", "scratch", "logs", "workers")]
    places += [state.top / "exps/logs/letter.log", state.top / "exps/workers/letter", state.cache / "partial/letter"]
    for place in places:
        write(place, "mine\n")
        os.utime(place, (1, 1))
    for words in (
        ("exp", "clean"),
        ("queue", "remove", "--all"),
        ("exp", "run", "-n", "two"),
        ("gc", "-w", "-f"),
        ("repro", "-f"),
    ):
        run_dvx(clone, *words)
        assert [place for place in places if not place.exists()] == []


def test_what_arrives_is_not_written_through_a_link(prepared: Path, victims: Path, tmp_path: Path):
    clone = victims
    write(prepared / "large", b"x" * (9 << 20))
    dvx(prepared, "add", "large")
    dvx(prepared, "remote", "add", "-d", "store", str(tmp_path / "store"))
    dvx(prepared, "push")
    _copy(prepared, clone)
    state, dialect = _State(clone), dialect_of(clone)
    before = _outside(clone)
    (name,) = {
        path.parent.name + path.name for path in state.cache.rglob("*") if path.is_file() and path.stat().st_size == 9 << 20
    }
    shutil.rmtree(state.cache)
    (clone / "large").unlink()
    _link(state.cache / f"partial/{dialect.algorithm}-{name}", clone.parent / "v/letter")
    assert run_dvx(clone, "pull", "large").code == 1
    assert _outside(clone) == before
    (state.cache / f"partial/{dialect.algorithm}-{name}").unlink()
    dvx(clone, "pull", "large")


def test_a_trial_sees_what_a_believed_name_would_do(prepared: Path, victims: Path, monkeypatch: pytest.MonkeyPatch):
    from dvx.journal import rows

    clone = victims
    _copy(prepared, clone)
    # in both dialects this is a folder of the trial's own
    name = "../v" + "x" * 36
    (clone / ".git/worktrees").mkdir(exist_ok=True)
    write(_State(clone).top / "exps" / name[3:16] / "letter", "mine\n")
    (_State(clone).top / "exps/rooms").mkdir(exist_ok=True)

    def believed(_: object) -> Run:
        return Run(name, "one", "b" * 40, Place.QUEUE, "c" * 40, state=State.QUEUED)

    monkeypatch.setattr(rows, "read_run", believed)
    dvx(clone, "queue", "remove", "--all")
    assert not (_State(clone).top / "exps" / name[3:16]).exists()
