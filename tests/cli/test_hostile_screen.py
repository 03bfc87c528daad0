"""Whatever stands in a repository, nothing that dvx prints controls the terminal, hides text, or begins a line of its own."""

from __future__ import annotations

import csv
import http.server
import io
import json
import re
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.cli.terminal import colour, screen
from dvx.cli.terminal.colour import Ink
from dvx.model.paths import visible
from tests.cli.test_colour import on_terminal
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write

# as a terminal hears them: a title, colours, a report, the cursor home, C1, a return, a backspace; then what turns text around,
# what has no width, what Unicode takes for the end of a line
_SEEN = "\x1b]0;owned\x07\x1b[31m\x1b[6n\x1b[H\x9b2J\r\b\x7f"
_TURNS = "\u202e\u2066\u200b\u200d\ufeff\u2028\u2029\x85"
# a line of its own
_LINE = "\nFORGED: all is well\n"
HOSTILE = f"a{_SEEN}{_TURNS}{_LINE}b"
# where names may not hold all of them: in refs of Git, in tracked paths
IN_REFS = f"a\x9b2J{_TURNS}b"
_OWN_COLOUR = re.compile(r"\x1b\[(?:1|2|3[1-6]|0)m")
# those of charts
_ANY_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")

READING = """
status | status --json | status --quiet | status --cloud | data status | data status --granular --unchanged | data status --json
diff | diff --json | diff --md --show-hash | diff HEAD~1 | root | ls | ls -R | ls -R --size | ls --tree | ls --json
ls --rev HEAD~1 | remote list | remote list --json | remote default | config --list | config --list --show-origin
config --list --json | config core.remote | config remote.bad.url | trust --list | cache dir | check-ignore --details data x
check-ignore --non-matching x | stage list | stage list --all | stage list --name-only | stage list --json | repro --dry
repro --dry --explain | explain | explain --json | dag | dag --list | dag --dot | dag --mermaid | dag --md | dag --html
dag --json | dag --outs | dag --full train | runs list | runs list --json | runs list --md | runs show | runs show --json
runs logs | runs logs train | params diff | params diff --all | params diff --md | params diff --json | params diff HEAD~1
metrics show | metrics show --all-branches | metrics show --md | metrics show --json | metrics diff --all | metrics diff --json
plots show --text | plots diff HEAD~1 --text | plots show --show-vega loss.csv | plots show --json | plots templates | exp show
exp show --md | exp show --json | exp show --csv | exp show -A | exp show --only-changed | exp show --sort-by nothing | exp list
exp list -A | exp list --name-only | exp list --json | exp diff | exp diff --md | exp diff --json | exp diff HEAD~1 HEAD
queue status | queue status --json | queue logs later | gc --workspace --dry | gc --workspace --dry --json | fsck | fsck --json
du | du --json | trash list | trash list --json | doctor | doctor --json | version | version --json | vscode --check
install --help | help stages | list-url data | push --dry-run | fetch --dry-run | pull --dry-run | update --rev x | undo --help
nothing | status nothing | repro nothing | explain nothing | exp apply nothing | exp branch nothing x | checkout nothing
remote modify nothing url x | metrics show nothing.json | plots show nothing.csv --text | params diff nothing | push -r nothing
"""
COMMANDS = [command.split() for row in READING.strip().split("\n") for command in row.split(" | ")]
# the word that a user would copy from the repository
TYPED = [
    ["status", HOSTILE], ["repro", HOSTILE], ["explain", HOSTILE], ["exp", "apply", HOSTILE], ["exp", "show", "--rev", HOSTILE],
    ["push", "-r", HOSTILE], ["remote", "default", HOSTILE], ["config", HOSTILE], ["config", "core.remote", HOSTILE],
    ["metrics", "show", HOSTILE], ["plots", "show", "--text", HOSTILE], ["params", "diff", HOSTILE], ["queue", "logs", HOSTILE],
    ["runs", "show", HOSTILE], ["help", HOSTILE], [HOSTILE], ["exp", HOSTILE], ["status", f"--{HOSTILE}"], ["ls", HOSTILE],
    ["get", HOSTILE, "x"], ["import-url", HOSTILE], ["list-url", HOSTILE], ["trash", "restore", HOSTILE], ["dag", HOSTILE],
    ["--cd", HOSTILE, "status"], ["completion", HOSTILE], ["stage", "list", HOSTILE], ["exp", "rename", "first", HOSTILE],
    ["checkout", HOSTILE], ["remove", HOSTILE], ["move", HOSTILE, "x"], ["add", HOSTILE], ["check-ignore", HOSTILE],
    ["update", HOSTILE],
    ["exp", "run", "-S", f"{HOSTILE}=1", "--dry"], ["exp", "show", "--sort-by", HOSTILE], ["data", "status", HOSTILE],
    ["test-db", "--conn", HOSTILE],
]  # fmt: skip


def hostile_project(root: Path) -> None:
    """A project in which every name, value and message that may be hostile is."""
    dialect = dialect_of(root)
    text = json.dumps(HOSTILE)
    write(root / "params.yaml", f"{text}: {text}\nlr: 1\n")
    write(root / "data/x", "1\n")
    dvx(root, "add", "data")
    write(root / dialect.pipeline, _pipeline("true", text))
    write(root / "loss.src", f'step,"{HOSTILE}",loss\n1,2,3\n2,3,4\n')
    write(root / "m.src", json.dumps({HOSTILE: 1, "acc": HOSTILE}))
    dvx(root, "repro")
    commit_all(root, HOSTILE)
    git(root, "branch", IN_REFS)
    git(root, "tag", f"t{IN_REFS}")
    dvx(root, "exp", "save", "-n", f"first{IN_REFS}")
    write(root / "params.yaml", f"{text}: {json.dumps(HOSTILE * 2)}\nlr: 2\n")
    write(root / "m.json", json.dumps({HOSTILE: 2, "acc": HOSTILE * 2, "new" + HOSTILE: 1}))
    commit_all(root, HOSTILE)
    dvx(root, "exp", "save", "-n", "first")
    dvx(root, "exp", "run", "--queue", "-n", "later", "-S", "lr=3")
    (root / "data/x").write_text("2\n")
    write(root / "data" / f"y{IN_REFS}", "new\n")
    write(root / f"untracked{HOSTILE.replace('/', '')}", "")
    dvx(root, "checkout", "--force", "data")
    write(root / dialect.pipeline, _pipeline(f"true '{HOSTILE}'", text))
    write(root / "data" / f"z{IN_REFS}", "new\n")
    write(root / "params.yaml", f"{text}: 5\nlr: 5\n{json.dumps('x' + HOSTILE)}: [{text}]\n")
    own = root / dialect.folder
    with (own / "config").open("a") as file:
        file.write(f"['remote \"bad\"']\n    url = ../{IN_REFS}\n")
        file.write(f"['remote \"{IN_REFS}\"']\n    url = https://{IN_REFS}@example.invalid/\n")


def _pipeline(command: str, text: str) -> str:
    shown = json.dumps(
        "printf '%b' '\\033[31mred\\033[0m \\033]0;owned\\007\\r\\n'; cp data/x model; cp m.src m.json; cp loss.src loss.csv"
    )
    return f"""
stages:
  train:
    cmd: {shown}
    desc: {text}
    deps: [data/x]
    params: [lr]
    outs: [model]
    metrics: [{{m.json: {{cache: false}}}}]
    plots: [{{loss.csv: {{cache: false, title: {text}, x_label: {text}, y: loss, x: step}}}}]
    meta: {{note: {text}}}
  {json.dumps("look-" + IN_REFS.replace(chr(0x85), ""))}: {{cmd: {json.dumps(command)}, deps: [model], desc: {text}}}
  each:
    foreach: [{text}, plain]
    do: {{cmd: "true"}}
artifacts:
  net: {{path: model, desc: {text}, labels: [{text}], type: {text}}}
plots:
- {text}: {{x: step, y: {{loss.csv: loss}}, title: {text}}}
"""


def wrong_in(printed: str, own: re.Pattern[str] | None) -> str:
    """What a terminal would obey in it, or be deceived by; empty if nothing. `own` is what dvx itself may write."""
    plain = own.sub("", printed) if own else printed
    bad = [f"{char!r}" for char in plain if char not in "\n\t" and unicodedata.category(char) in _UNSEEN]
    forged = [line for line in plain.split("\n") if line.startswith("FORGED")]
    return ", ".join([*dict.fromkeys(bad), *forged])


def look(root: Path, words: list[str], found: list[str]) -> None:
    """Run a command, with colours and without, and note what is wrong."""
    exact = not {"--json", "--show-vega", "--html"}.isdisjoint(words)
    for colours in (False, True):
        result = run_dvx(root, *(["--color", "always"] if colours else []), *words)
        own = (_ANY_COLOUR if "--text" in words else _OWN_COLOUR) if colours else None
        wrong = {"stderr": wrong_in(result.err, own), "stdout": wrong_in(result.out, None if exact else own)}
        if "--csv" in words:
            # a program reads it: all is there
            assert any(HOSTILE in cell for row in csv.reader(io.StringIO(result.out, newline="")) for cell in row)
            wrong.pop("stdout")
        if "--html" in words:
            wrong["stdout"] = wrong["stdout"].replace("FORGED: all is well", "").strip(", ")
        found += [f"dvx {' '.join(words)!a} ({stream}): {what}" for stream, what in wrong.items() if what]
        if result.code == 3:
            found.append(f"dvx {' '.join(words)!a}: {result.err}")


def test_no_command_lets_a_repository_control_the_terminal(dialect_repo: Path) -> None:
    hostile_project(dialect_repo)
    found: list[str] = []
    for words in [*COMMANDS, *TYPED]:
        look(dialect_repo, words, found)
    assert not found, "\n".join(found)
    assert len(COMMANDS) > 120


# what cannot be read says so with its own words
BROKEN = {
    "PIPELINE": [
        f"stages: {{x: {{cmd: {json.dumps(HOSTILE)}, {json.dumps(HOSTILE)}: 1}}}}",
        f"stages: {{x: {{cmd: 'true', deps: [{json.dumps('../' + HOSTILE)}]}}}}",
        f"stages: {{x: {{cmd: '${{{IN_REFS}}}'}}}}",
        f"{json.dumps(HOSTILE)}: 1",
        f"stages: {{x: !!python/{IN_REFS} [",
        f"stages: {{x: {{cmd: 'true', outs: [o]}}, {json.dumps(IN_REFS)}: {{cmd: 'true', outs: [o]}}}}",
    ],
    "params.yaml": [f"a: [{json.dumps(HOSTILE)}", f"{json.dumps(HOSTILE)}: 1\n{json.dumps(HOSTILE)}: 2", f"*{IN_REFS}"],
    "params.toml": [f"a = {json.dumps(IN_REFS)} {IN_REFS}"],
    "params.py": [f"a = '{IN_REFS}' {IN_REFS}"],
    "m.json": [f'{{"a": {IN_REFS}}}', json.dumps({HOSTILE: {"a" * 9: HOSTILE}})],
    "data.POINTER": [
        f"outs: [{{path: {json.dumps(HOSTILE)}}}]",
        f"{json.dumps(HOSTILE)}: 1",
        f"outs: [{{md5: {json.dumps(HOSTILE)}}}]",
    ],
    "LOCK": [f"stages: {{{json.dumps(HOSTILE)}: {json.dumps(HOSTILE)}}}", f"schema: {json.dumps(HOSTILE)}"],
    "FOLDER/config": [
        f"[{IN_REFS}",
        f"['remote \"x\"']\nurl = {IN_REFS}://{IN_REFS}",
        f"[core]\n{IN_REFS} = 1\nremote = {IN_REFS}\n",
    ],
    "IGNORE": [f"[{IN_REFS}", f"{IN_REFS}\n!"],
}
EVERY = [
    "status", "repro --dry", "explain", "dag", "stage list", "params diff", "metrics show", "exp show", "plots show --text",
    "push", "data status", "ls", "config --list", "gc -w --dry", "doctor", "check-ignore x",
]  # fmt: skip


def test_no_error_does(dialect_repo: Path) -> None:
    dialect = dialect_of(dialect_repo)
    names = {"PIPELINE": dialect.pipeline, "POINTER": dialect.pointer_suffix, "LOCK": dialect.lock, "FOLDER": dialect.folder}
    names["IGNORE"] = dialect.ignore
    found: list[str] = []
    files = "metrics: [m.json]\nparams: [params.yaml, params.toml, params.py]\n"
    for name, texts in BROKEN.items():
        place = dialect_repo / re.sub("[A-Z]{3,}", lambda found: names[found[0]], name)
        before = place.read_bytes() if place.exists() else None
        for text in texts:
            write(dialect_repo / dialect.pipeline, files)
            write(place, text)
            for words in EVERY:
                look(dialect_repo, words.split(), found)
        place.unlink() if before is None else place.write_bytes(before)
    assert not found, "\n".join(found)


class _Phrases(http.server.BaseHTTPRequestHandler):
    """Answers every request with a phrase and a page that would control a terminal."""

    def do_GET(self) -> None:
        self.send_response(418, "a\x1b[31m\x9b2J\x07b")
        self.send_header("X-\x1b[31m", "\x1b[31m\x9b2J")
        self.end_headers()
        self.wfile.write(HOSTILE.encode())

    do_HEAD = do_PUT = do_PROPFIND = do_OPTIONS = do_MKCOL = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def phrases() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Phrases) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("scheme", ["http", "webdav", "s3"])
def test_no_server_does(dialect_repo: Path, phrases: str, scheme: str) -> None:
    write(dialect_repo / "data", "1\n")
    dvx(dialect_repo, "add", "data")
    dvx(dialect_repo, "remote", "add", "-d", "far", "s3://bucket/x" if scheme == "s3" else f"{scheme}://{phrases}/x")
    if scheme == "s3":
        for option, value in (("endpointurl", f"http://{phrases}"), ("access_key_id", "a"), ("secret_access_key", "b")):
            dvx(dialect_repo, "remote", "modify", "--local", "far", option, value)
    found: list[str] = []
    for words in ("push", "fetch", "status --cloud", "remote test far", "list-url remote://far/x", "import-url remote://far/x y"):
        look(dialect_repo, words.split(), found)
    assert not found, "\n".join(found)


def test_what_programs_read_is_exact_but_not_on_a_terminal(native: Path) -> None:
    hostile_project(native)
    assert dvx(native, "metrics", "show", "--json").json[""]["data"]["m.json"]["data"][HOSTILE] == 2
    shown = on_terminal(native, "exp", "show", "--csv")
    assert not wrong_in(shown.out.replace("\nFORGED", ""), None)
    assert "\\x1b]0;owned" in shown.out


def test_a_log_keeps_its_colours_only(native: Path) -> None:
    hostile_project(native)
    assert dvx(native, "runs", "logs", "train").out == "red \\x1b]0;owned\\x07\n"
    assert dvx(native, "--color", "always", "runs", "logs", "train").out == "\x1b[31mred\x1b[0m \\x1b]0;owned\\x07\x1b[0m\n"


_WARNS = """
import logging, sys
from dvx.cli import main
from dvx.cli.terminal import screen
sys.stderr = screen.Filter(sys.stderr)
logging.getLogger("library").warning("\\x1b[31m%s", "\\u202e")
print("\\x1b[2J", file=sys.stderr)
screen.say("end")
"""


def test_what_libraries_say_does_not_control_the_terminal_either(tmp_path: Path) -> None:
    assert run_process(tmp_path, "python", "-c", _WARNS).err == "\\x1b[31m\\u202e\n\\x1b[2J\nend\n"


@given(st.text())
def test_only_lines_and_tabs_are_left(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if char not in "\n\t" and unicodedata.category(char) in _UNSEEN]
    if text.isprintable():
        assert shown == text


def test_only_own_colours_are(capsys: pytest.CaptureFixture[str]) -> None:
    colour.choose(colour.When.ALWAYS)
    try:
        screen.data(colour.out("\x1b[31mname", Ink.GREEN) + " \x1b[31m")
    finally:
        colour.choose(colour.When.AUTO)
    assert capsys.readouterr().out == "\x1b[32m\\x1b[31mname\x1b[0m \\x1b[31m\n"


def test_refs_may_hold_what_unicode_takes_for_spaces_and_ends_of_lines(dialect_repo: Path) -> None:
    write(dialect_repo / "params.yaml", "n: 1\n")
    commit_all(dialect_repo)
    names = [f"a{separator}b" for separator in "\x85\xa0\u2003\u2028\u2029\u3000"] + ["end\u2003"]
    for name in names:
        git(dialect_repo, "branch", name)
        git(dialect_repo, "tag", f"tag-{name}", "-m", "x")
        dvx(dialect_repo, "exp", "save", "-n", f"exp-{name}", "--force")
    git(dialect_repo, "checkout", "-q", names[-1])
    for words in (
        "exp list -A",
        "exp show -A",
        "exp show --all-branches",
        "metrics show -a -T",
        "gc -aT --dry",
        "push -aT",
        "exp list",
    ):
        result = run_dvx(dialect_repo, *words.split())
        assert result.code == (1 if words.startswith("push") else 0), result.err
    assert {one["name"] for one in dvx(dialect_repo, "exp", "list", "--json").json[0]["experiments"]} == {
        f"exp-{name}" for name in names
    }
