"""Trace: the file in which a job writes down what becomes of it, whoever is still there to listen."""

from __future__ import annotations

import os
import re

from msgspec import Struct

# $0 is the trace, then come the shell, its flags and the lines of the job. Commands have the usual answers to signals: a trap
# that does something is not inherited. The process is named with all that Linux says of it, so that it cannot be mistaken.
# A variable set here changes one of the same name that the commands inherit: hence the long names
SCRIPT = """
_dvx_stopped=
trap '_dvx_stopped=130' INT
trap '_dvx_stopped=143' TERM
trap '_dvx_stopped=129' HUP
read -r _dvx_facts 2>/dev/null < "/proc/$$/stat"
echo "process $_dvx_facts" >> "$0"
_dvx_shell=$1 _dvx_flags=$2
shift 2
_dvx_code=0
for _dvx_line do
    echo line >> "$0"
    "$_dvx_shell" $_dvx_flags -c "$_dvx_line"
    _dvx_code=$?
    [ "$_dvx_code" != 0 ] || _dvx_code=${_dvx_stopped:-0}
    [ "$_dvx_code" = 0 ] || break
done
echo "end $_dvx_code" >> "$0"
exit "$_dvx_code"
"""
_BORN = 19
_NUMBER = re.compile(r"[0-9]{1,10}")


class Trace(Struct, frozen=True):
    """What a job wrote: the process that leads its group and when that was born (in the kernel's ticks), which of its lines
    began last (1, 2...), and its exit code, None if it did not end.
    """

    process: int = 0
    born: str = ""
    line: int = 0
    code: int | None = None


def read_trace(text: str) -> Trace:
    """Read a trace; what is none of a job's words is passed over."""
    process, born, line, code = 0, "", 0, None
    for row in text.splitlines():
        word, _, rest = row.partition(" ")
        if word == "process":
            process, born = _identity(rest)
        elif word == "line":
            line += 1
        elif word == "end" and _NUMBER.fullmatch(rest):
            code = int(rest)
    return Trace(process, born, line, code)


def is_alive(trace: Trace) -> bool:
    """Whether the process that a trace names still works; False where it cannot be told from another of its number."""
    if not trace.process or not trace.born:
        return False
    try:
        with open(f"/proc/{trace.process}/stat", encoding="utf-8", errors="replace") as reading:
            facts = reading.read()
    except OSError:
        return False
    state = facts.rpartition(")")[2].split()[:1]
    return state not in (["Z"], ["X"]) and _identity(facts) == (trace.process, trace.born)


def _identity(facts: str) -> tuple[int, str]:
    """Number and birth of a process (source: proc_pid_stat(5)); its name, which may hold blanks, stands in parentheses."""
    number = facts.split(" ", 1)[0]
    fields = facts.rpartition(")")[2].split()
    if not _NUMBER.fullmatch(number) or len(fields) <= _BORN:
        return 0, ""
    return int(number), fields[_BORN]


class Outlived:
    """The process of a job that another process began, to be waited for and stopped like one of our own."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.pid = trace.process

    def poll(self) -> int | None:
        """None as long as it works."""
        return None if is_alive(self._trace) else os.EX_OK
