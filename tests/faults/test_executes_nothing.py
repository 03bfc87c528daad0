"""No command but those that run pipelines executes anything that a repository names: seen by a trace of all processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.hostile_repositories import MAKERS, Hostile, prepare
from tests.helpers import ROOT, dialect_of, write

Count = Callable[[str, int], None]
pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace here")

# what reads, what transfers, and what changes the workspace without running a pipeline
_TYPED = """
status | status --json | status --cloud | status --updates | data status --granular --not-in-remote --untracked-files
diff HEAD~1 | ls . -R | ls . --rev HEAD~1 | ls inner | dag | dag --html | stage list --all | explain | repro --dry
params diff | params diff HEAD~1 | metrics show --all-branches | metrics diff HEAD~1 | exp show -A | exp list -A
exp list origin | exp diff HEAD e1 | plots show | plots diff HEAD~1 --json | plots show --text | plots templates
config --list --show-origin | remote list | remote test store | trust --list | doctor | version | du | root
cache dir | gc --workspace --dry | gc -aT --dry | fsck | fsck --remote store | check-ignore data evil | trash list
runs list | runs show | runs logs | queue status | queue logs e1 | queue stop | queue remove --all | fetch --run-cache
fetch -aT | pull --force --allow-missing | pull --run-cache | checkout --force --allow-missing | push | push -aT
exp push origin -A | exp pull origin -A | exp pull origin e1 | exp apply e1 | exp apply evil | exp apply filtered
exp save -n e2 | exp branch e1 b1 | exp rename e1 e3 | exp remove e3 | exp clean | update got | update --recursive .
update far | import ../origin.git x | get . data -o got2 | get ../origin.git params.yaml | get inner data
import inner data -o got3 | list-url data | list-url remote://store | get-url data/x y | import-url data/x z | add new
commit --force | move new newer | freeze got | unfreeze got | unprotect data | remove new | undo | git-hook pre-commit
git-hook post-checkout HEAD~1 HEAD 1 | git-hook pre-push origin x | install | vscode | test-db --conn base
dataset update d | artifacts get . a | migrate --dry-run | cache migrate --dry | completion bash | schema lock
help start | --cd inner status | --cd data status | --cd data2 status | nothing
"""
COMMANDS = [line.split() for row in _TYPED.strip().split("\n") for line in row.split(" | ")]
_TURNS = 14
# strace's lines: the process, the program, its words as C writes strings, and how it went
_CALL = re.compile(r'^\d+ +execve\("((?:[^"\\]|\\.)*)", \[(.*)\], 0x[0-9a-f]+ /\* \d+ vars \*/\) = (-?\d+)')
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
# what Git starts itself to speak with another repository on this machine, or to tidy up
_OF_GIT = re.compile(r"git-(?:upload|receive)-pack '(?:[^']|'\\'')*'(?: \"\$@\")?")
_NAMES = """
add cat-file check-ignore check-ref-format checkout checkout-index commit-tree config diff-files diff-index
diff-tree fetch for-each-ref gc hash-object index-pack init ls-files ls-remote ls-tree maintenance merge-base
merge-file mv pack-objects push read-tree receive-pack rev-list rev-parse rm show-ref status symbolic-ref
unpack-objects update-index update-ref upload-pack var version worktree write-tree
"""
_SUBCOMMANDS = frozenset(_NAMES.split())
# one process for many, which has all loaded; one of its own where modules are the attack
_DRIVER = """
import json, os, sys
sys.argv = ["dvx"]
from dvx.cli.entry import leave_out_the_project
leave_out_the_project()
from dvx.cli.main import run
for repo, commands in json.load(sys.stdin):
    os.chdir(repo)
    for words in commands:
        print("RUN", repo, words, flush=True)
        try:
            code = run(words, os.getcwd())
        except SystemExit as end:
            code = end.code
        if code == 3:
            print("BUG", repo, words, file=sys.stderr)
"""
_SSH_NAMES = (
    "BatchMode|ClearAllForwardings|ConnectTimeout|ControlMaster|ControlPath|ForwardAgent|ForwardX11|GSSAPIAuthentication|IdentitiesOnly|"
    "IdentityAgent|LogLevel|NumberOfPasswordPrompts|PermitLocalCommand|RemoteCommand|RequestTTY|ServerAlive\\w+"
)
# what dvx asks it for: the SFTP of a host, with options that start nothing
_SSH_OPTIONS = re.compile(rf"(-F \S+ )?(-G )?((-o ({_SSH_NAMES})=\S+|-[lpi] \S+) )*(-s )?-- [\w.:%-]+( sftp)?")


def traced(trials: Sequence[tuple[Path, list[list[str]]]], log: Path, also: Sequence[Path] = ()) -> list[str]:
    """Run commands in repositories, traced, with modules from the folders `also`, too; returns what must not be."""
    strace = ["strace", "-f", "-qq", "-s", "65536", "-e", "trace=execve", "-e", "signal=none", "--seccomp-bpf", "-o", str(log)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, also)])}
    given = json.dumps([(str(repo), commands) for repo, commands in trials])
    words = [*strace, sys.executable, "-P", "-c", _DRIVER]
    done = subprocess.run(
        words, cwd=trials[0][0], input=given, capture_output=True, text=True, errors="replace", env=environ, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    calls = list(executed(log.read_text(errors="replace")))
    assert calls[0][0] == sys.executable
    top = trials[0][0].parent.parent
    bad = [f"{program} {' '.join(words)}" for program, words in calls[1:] if not is_allowed(program, words, top)]
    wrong = [line for line in done.stderr.split("\n") if line.startswith("BUG") or "Traceback" in line]
    return bad + wrong + [f"{repo}: the program ran" for repo, _ in trials if (repo.parent / "canary").exists()]


def executed(log: str) -> Iterator[tuple[str, list[str]]]:
    """Each program that was started, or that there was none of, with its words."""
    for line in log.split("\n"):
        if "execve(" not in line or "resumed" in line:
            continue
        call = _CALL.match(line) or re.match(r'^\d+ +execve\("((?:[^"\\]|\\.)*)", \[(.*)\]', line)
        assert call, line
        yield call[1], [word[1] for word in _WORD.finditer(call[2])]


def is_allowed(program: str, words: list[str], top: Path) -> bool:
    """Whether a program is Git's, and asked for what dvx asks it for."""
    name = os.path.basename(program)
    if program.startswith(f"{top}{os.sep}") or not os.path.isabs(program):
        return False
    if name == "sh":
        return len(words) > 2 and words[1] == "-c" and _OF_GIT.fullmatch(re.sub(r"\\(.)", r"\1", words[2])) is not None
    if name == "uname":
        # Python asks it what the machine is
        return words == ["uname", "-p"]
    if name == "ssh":
        return _SSH_OPTIONS.fullmatch(" ".join(words[1:])) is not None
    if name.startswith("git-"):
        return name.removeprefix("git-") in (*_SUBCOMMANDS, "remote-http", "remote-https")
    if name != "git":
        return False
    rest = words[1:]
    while rest[:1] in (["-c"], ["-C"], ["--git-dir"]) or rest[:1] == ["--shallow-file"]:
        rest = rest[2:]
    while rest and rest[0].startswith("--"):
        rest = rest[1:]
    if rest[:1] == ["log"]:
        # it would let a configured program check signatures, and another compare files, if it were to show either
        return rest[1:3] == ["--no-show-signature", "--walk-reflogs"] and rest[3].startswith("--format=")
    return not rest or rest[0].removeprefix("git-") in _SUBCOMMANDS or rest[0] in ("remote", "remote-http", "remote-https")


@pytest.fixture
def prepared(dialect_repo: Path) -> Path:
    prepare(dialect_repo)
    return dialect_repo


def hostile(prepared: Path, name: str, top: Path) -> Hostile:
    """A copy of the prepared repository with its remotes, made hostile."""
    top.mkdir(parents=True)
    for one in (prepared, prepared.parent / "store", prepared.parent / "origin.git"):
        shutil.copytree(one, top / one.name, symlinks=True)
    made = Hostile(top / prepared.name, top / "canary")
    MAKERS[name](made)
    write(made.repo / "new", "2\n")
    return made


def test_nothing_of_a_repository_is_executed(prepared: Path, tmp_path: Path, all_points: bool, count: Count) -> None:
    trials = []
    for number, name in enumerate(MAKERS):
        made = hostile(prepared, name, tmp_path / "trials" / name.replace(" ", "-"))
        # each command is tried on some of them, each of them with some commands, by turns
        trials.append((made.repo, [words for turn, words in enumerate(COMMANDS) if all_points or (turn + number) % _TURNS == 0]))
    with_modules = [trial for trial in trials if trial[0].parent.name == "modules"]
    others = [trial for trial in trials if trial not in with_modules]
    found = traced(others, tmp_path / "log") + traced(with_modules, tmp_path / "log", [with_modules[0][0]])
    assert not found, "\n".join(found)
    count(
        f"commands traced on {len(MAKERS)} hostile repositories ({dialect_of(prepared).name})",
        sum(len(each) for _, each in trials),
    )


def test_the_trace_sees_what_runs(prepared: Path, tmp_path: Path) -> None:
    made = hostile(prepared, "stage command", tmp_path / "trials/one")
    found = traced([(made.repo, [["status"]])], tmp_path / "log")
    assert found == []
    found = traced([(made.repo, [["repro"]])], tmp_path / "log")
    assert any("./evil" in call for call in found)
    assert f"{made.repo}: the program ran" in found


@pytest.mark.parametrize(
    ("program", "words", "allowed"),
    [
        ("/usr/bin/git", ["git", "-c", "core.fsmonitor=false", "status"], True),
        ("/usr/bin/git", ["git", "-c", "x=y", "evil"], False),
        ("/usr/bin/git", ["git", "difftool"], False),
        ("/bin/sh", ["sh", "-c", "git-upload-pack '/x/origin.git'"], True),
        ("/bin/sh", ["sh", "-c", r"git-upload-pack '/x'\\''; evil'"], True),
        ("/bin/sh", ["sh", "-c", "git-upload-pack '/x'; evil"], False),
        ("/bin/sh", ["sh", "-c", "evil"], False),
        ("/repo/git", ["git", "status"], False),
        ("./git", ["git", "status"], False),
        ("/usr/bin/ssh", ["ssh", "x"], False),
        ("/usr/bin/ssh", ["ssh", "-o", "BatchMode=yes", "-p", "1", "-s", "--", "x", "sftp"], True),
        ("/usr/bin/ssh", ["ssh", "-G", "-o", "BatchMode=yes", "--", "x"], True),
        ("/usr/bin/ssh", ["ssh", "-o", "ProxyCommand=evil", "-s", "--", "x", "sftp"], False),
        ("/usr/bin/ssh", ["ssh", "-oProxyCommand=evil", "-s", "--", "x", "sftp"], False),
        ("/usr/bin/ssh", ["ssh", "-o", "BatchMode=yes", "--", "x", "evil"], False),
        ("/repo/ssh", ["ssh", "-s", "--", "x", "sftp"], False),
    ],
)
def test_only_git_is_allowed(program: str, words: list[str], allowed: bool) -> None:
    assert is_allowed(program, words, Path("/repo")) is allowed
