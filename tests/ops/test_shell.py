"""Facts about running commands, on real processes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from dvx.shell import Ended, Job, Shell, read_trace, shell_words
from dvx.shell import is_alive as still_works
from tests.helpers import write
from tests.patience import is_alive, within


def job(folder: Path, *lines: str, **environ: str) -> Job:
    """A job whose log, which may hold something already, and trace lie in its folder."""
    log = (folder / "log").open("a+b", buffering=0)
    return Job(lines, str(folder), {"PATH": os.environ["PATH"], **environ}, log, str(folder / "trace"), attended=False)


def run(folder: Path, *lines: str, **environ: str) -> tuple[Ended, bytes]:
    heard = bytearray()
    (folder / "log").write_text("before\n")
    (folder / "trace").unlink(missing_ok=True)
    ended = Shell().run(job(folder, *lines, **environ), heard.extend)
    assert (folder / "log").read_bytes() == b"before\n" + bytes(heard)
    return ended, bytes(heard)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_each_line_is_a_process_of_its_own_in_the_folder(tmp_path: Path) -> None:
    ended, output = run(tmp_path, "cd / && x=1", "pwd; echo x=$x", "echo oops >&2")
    assert ended == Ended("echo oops >&2", 0)
    assert output.decode() == f"{tmp_path}\nx=\noops\n"


def test_the_first_failure_ends_the_job(tmp_path: Path) -> None:
    ended, output = run(tmp_path, "echo one", "exit 3", "echo two")
    assert (ended, output) == (Ended("exit 3", 3), b"one\n")


def test_a_command_that_a_signal_ends_counts_as_128_and_its_number(tmp_path: Path) -> None:
    assert run(tmp_path, "kill -9 $$")[0].code == 137


def test_only_the_given_environment_is_passed_on(tmp_path: Path) -> None:
    assert run(tmp_path, 'echo "$ONLY,$HOME"', ONLY="this")[1] == b"this,\n"


def test_the_users_shell_runs_without_its_start_up_files() -> None:
    assert shell_words({}) == ("/bin/sh", "")
    assert shell_words({"SHELL": "/usr/bin/bash"}) == ("/usr/bin/bash", "--noprofile --norc")
    assert shell_words({"SHELL": "/bin/zsh"}) == ("/bin/zsh", "--no-rcs")
    assert shell_words({"SHELL": "/bin/fish"}) == ("/bin/fish", "--no-config")


def test_what_goes_on_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    with within(5):
        assert run(tmp_path, "sleep 30 & echo done")[1] == b"done\n"


def test_stopping_ends_the_whole_process_group(tmp_path: Path) -> None:
    shell, ended = Shell(patience=0.3), list[Ended]()
    line = f"(trap '' INT TERM; echo $BASHPID > {tmp_path}/stubborn; sleep 60) & echo $$ > {tmp_path}/first; wait"
    work = job(tmp_path, line, "echo next", SHELL="/bin/bash")

    def command() -> None:
        try:
            ended.append(shell.run(work, lambda _: None))
        except KeyboardInterrupt:
            ended.append(Ended("", -1))

    thread = threading.Thread(target=command)
    thread.start()
    until(lambda: (tmp_path / "stubborn").exists() and (tmp_path / "first").exists())
    until(lambda: bool((tmp_path / "stubborn").read_text() and (tmp_path / "first").read_text()))
    shell.stop()
    thread.join(15)
    assert not thread.is_alive()
    for name in ("first", "stubborn"):
        pid = int((tmp_path / name).read_text())
        until(lambda pid=pid: not is_alive(pid))
    assert ended[0].code != 0


def test_nothing_starts_after_a_stop(tmp_path: Path) -> None:
    shell = Shell()
    shell.stop()
    with pytest.raises(KeyboardInterrupt):
        shell.run(job(tmp_path, "touch started"), lambda _: None)
    assert not (tmp_path / "started").exists()


_PROGRAM = """
import os, sys
from dvx.shell import Job, Shell

shell = Shell()
try:
    with shell.watching():
        environ = {"PATH": sys.argv[2], "SHELL": "/bin/bash"}
        shell.run(Job((sys.argv[1],), ".", environ, open("log", "a+b", 0), os.path.abspath("trace")), lambda data: None)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_what_runs(tmp_path: Path, number: int) -> None:
    line = "echo $$ > pid; exec sleep 60"
    command = [sys.executable, "-c", _PROGRAM, line, os.environ["PATH"]]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
        process.send_signal(number)
        out, _ = process.communicate(timeout=15)
    assert out == b"interrupted\n"
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not is_alive(pid))


def test_commands_of_a_dvx_in_the_background_can_be_interrupted(tmp_path: Path) -> None:
    """As `nohup` and a script's `&` start it: dvx goes on, but its commands can be interrupted."""
    line = "echo $$ > pid; touch ready; until [ -e go ]; do sleep 0.02; done; kill -INT $$; touch deaf"
    command = [sys.executable, "-c", _PROGRAM, line, os.environ["PATH"]]
    script = ["sh", "-c", "trap '' INT QUIT HUP; exec \"$@\"", "sh", *command]
    with subprocess.Popen(script, cwd=tmp_path, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        until((tmp_path / "ready").exists)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        write(tmp_path / "go", "")
        out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (0, b"")
    assert not (tmp_path / "deaf").exists()


def test_what_works_apart_can_be_interrupted(tmp_path: Path) -> None:
    script = "import signal, sys; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    program = "import os, sys; from dvx.shell import start_apart\n"
    program += f"with open('log', 'wb') as log: start_apart([sys.executable, '-c', {script!r}], '.', os.environ, log).wait()"
    words = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-c", program]
    subprocess.run(words, cwd=tmp_path, check=True)
    assert (tmp_path / "log").read_text() == "True\n"


def on_a_terminal(folder: Path, line: str) -> tuple[int, int]:
    """Start the program on a terminal of its own; returns its process and the other end of the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-c", _PROGRAM, line, os.environ["PATH"]])
    return pid, terminal


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_command_can_read_the_terminal_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    pid, terminal = on_a_terminal(tmp_path, "read answer; echo $answer > answer; exec sleep 60")
    os.write(terminal, b"forty-two\n")
    until(lambda: text(tmp_path / "answer") == "forty-two\n")
    os.write(terminal, b"\x03")
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert b"interrupted" in os.read(terminal, 1000)


def test_ctrl_z_does_not_leave_a_stopped_command_behind(tmp_path: Path) -> None:
    pid, terminal = on_a_terminal(tmp_path, "echo $$ > pid; while [ ! -e go ]; do sleep 0.05; done; touch done")
    until(lambda: text(tmp_path / "pid").endswith("\n"))
    os.write(terminal, b"\x1a")
    time.sleep(0.3)
    (tmp_path / "go").touch()
    until((tmp_path / "done").exists)
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)


def test_a_command_that_answers_a_stop_with_success_is_not_done(tmp_path: Path) -> None:
    shell, ended = Shell(), list[str]()
    line = f"trap 'echo partial > {tmp_path}/out; exit 0' INT; touch {tmp_path}/here; while :; do sleep 0.02; done"

    def command() -> None:
        try:
            shell.run(job(tmp_path, line), lambda _: None)
            ended.append("done")
        except KeyboardInterrupt:
            ended.append("interrupted")

    thread = threading.Thread(target=command)
    thread.start()
    until((tmp_path / "here").exists)
    shell.stop()
    thread.join(15)
    assert (tmp_path / "out").read_text() == "partial\n"
    assert ended == ["interrupted"]


def test_a_command_gets_the_descriptors_that_it_is_to_inherit_and_no_other(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as file:
        work = job(tmp_path, f"echo here > /dev/fd/{file.fileno()}")
        assert Shell().run(work, lambda _: None).code != 0
        (tmp_path / "trace").unlink()
        work = replace(work, inherited=(file.fileno(),))
        assert Shell().run(work, lambda _: None).code == 0
    assert (tmp_path / "out").read_text() == "here\n"


def test_a_trace_says_what_becomes_of_a_job(tmp_path: Path) -> None:
    run(tmp_path, "cat trace", "exit 3", "echo never")
    trace = read_trace((tmp_path / "trace").read_text())
    assert (trace.line, trace.code, still_works(trace)) == (2, 3, False)
    while_it_ran = read_trace((tmp_path / "log").read_text())
    assert (while_it_ran.process, while_it_ran.born) == (trace.process, trace.born)
    assert (while_it_ran.line, while_it_ran.code) == (1, None)


def test_a_process_is_known_by_its_birth_too() -> None:
    facts = Path("/proc/self/stat").read_text()
    trace = read_trace(f"about {{}}\nprocess {facts}line\n")
    assert trace.process == os.getpid()
    assert still_works(trace)
    assert not still_works(replace(trace, born=str(int(trace.born) + 1)))
    assert not still_works(replace(trace, born=""))


def test_ctrl_c_of_a_command_that_ends_well_is_no_success(tmp_path: Path) -> None:
    line = "trap 'exit 0' INT; touch here; while :; do sleep 0.02; done"
    pid, terminal = on_a_terminal(tmp_path, line)
    until((tmp_path / "here").exists)
    os.write(terminal, b"\x03")
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert b"interrupted" in os.read(terminal, 1000)
