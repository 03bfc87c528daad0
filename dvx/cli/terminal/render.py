"""Words, tables and JSON: how values look to a person or a program. Data goes to stdout, all else to stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dvx.cli.terminal import colour, screen
from dvx.cli.terminal.colour import Ink
from dvx.cli.terminal.live import Live, width_of
from dvx.cli.terminal.progress import Meter
from dvx.cli.terminal.units import count, size
from dvx.model.events import (
    Event,
    Interrupted,
    Notice,
    Progress,
    StageEnded,
    StageOutput,
    StageRestored,
    StageRetrying,
    StageSkipped,
    StageStarted,
    Tell,
    TransferPlanned,
    Transferred,
    is_item,
)
from dvx.model.paths import printable

_VERBOSITY = {"quiet": False, "verbose": False}
_TICK_SECONDS = 1.0
# output without an end of line is shown when it gets that long
_LONGEST_LINE = 1 << 16
_REWRITE_SECONDS, _LINE_SECONDS = 0.1, 10.0
# a transfer of that much is announced
_MANY_OBJECTS, _MANY_BYTES = 1_000, 1 << 30


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Choose how much `note` and the progress say."""
    _VERBOSITY.update(quiet=quiet, verbose=verbose)


def is_quiet() -> bool:
    """Whether the user asked for silence."""
    return _VERBOSITY["quiet"]


def data(text: str) -> None:
    """A line of what was asked for."""
    screen.data(text)


def note(text: str) -> None:
    """A line for the person who watches."""
    if not _VERBOSITY["quiet"]:
        screen.say(text)


def notes(*lines: str) -> None:
    """Lines for the person who watches."""
    for line in lines:
        note(line)


def error(message: str, hint: str = "", place: str = "") -> None:
    """What went wrong, and the way out. The place comes first, as compilers have it, so that editors can go there."""
    begin = f"{place}: " if place else ""
    screen.say(f"{begin}{colour.err('error:', Ink.RED)} {_unsaid(message).removeprefix(begin)}")
    if hint:
        screen.say(f"{colour.err('hint:', Ink.CYAN)} {hint}")


def _unsaid(message: str) -> str:
    """A message without the lines of a command's output that stand right above it."""
    first, *rest = message.split("\n")
    quoted = [line.removeprefix("  | ") for line in rest]
    return first if quoted and all(line.startswith("  | ") for line in rest) and screen.was_passed(quoted) else message


def json(value: Any) -> None:
    """A value as JSON: on one line, indented on a terminal."""
    import json as json_module

    # of what a terminal obeys JSON escapes all but this
    screen.exact(json_module.dumps(value, indent=2 if sys.stdout.isatty() else None).replace("\x7f", "\\u007f"))


def table(rows: Sequence[Sequence[Any]], headers: Sequence[str], *, markdown: bool = False) -> None:
    """Rows under headers, each on one line; None is a dash, other empty cells are for the caller to fill."""
    screen.block(table_text(rows, headers, markdown=markdown))


def table_text(rows: Sequence[Sequence[Any]], headers: Sequence[str], *, markdown: bool = False) -> str:
    """What `table` prints."""
    headers, *body = [[_cell(value) for value in row] for row in (headers, *rows)]
    if markdown:
        from tabulate import tabulate

        text = tabulate(body, headers, tablefmt="github", disable_numparse=True)
        return "\n".join(line.rstrip() for line in text.split("\n"))
    # as tabulate lays it out, which asks each cell for its type and takes ten times as long
    cells = [[f"{header}  " for header in headers], *body]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    layout = "  ".join(f"{{:<{width}}}" for width in widths)
    return "\n".join(layout.format(*row).rstrip() for row in cells)


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if text.isprintable() else printable(text)


def changes(paths: Mapping[str, Sequence[str]]) -> None:
    """One line a path: a letter, a tab, the path. Who asked for silence knows that there are some."""
    for letter, named in ({} if _VERBOSITY["quiet"] else paths).items():
        for path in named:
            data(f"{colour.state(letter)}\t{path}")


class Terminal:
    """Tells events as they come: a line that is rewritten on a terminal, single lines elsewhere."""

    def __init__(self) -> None:
        self._live = colour.is_lively(sys.stderr) and not _VERBOSITY["quiet"]
        self._shown = 0.0
        self._begin = time.monotonic()
        self._meter = Meter()
        self._unfinished: dict[str, bytes] = {}
        self._stages = Live()
        self._guard = threading.RLock()
        self._ticking = False

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._guard:
            self._show(event)
            if self._live:
                self._follow(event)

    def _show(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._progressed(event)
        elif isinstance(event, Transferred):
            self._transferred(event)
        elif isinstance(event, TransferPlanned):
            if event.objects >= _MANY_OBJECTS or event.bytes >= _MANY_BYTES:
                note(_planned(event))
        elif isinstance(event, Interrupted):
            done = "pushed" if event.task == "push" else "fetched"
            note(f"Stopped: {count(event.objects, 'object')} {done} ({size(event.bytes)}); run it again to go on from there.")
        elif isinstance(event, StageOutput):
            if event.shared:
                self._pass_lines_on(event.stage, event.data, ended=not event.data)
            elif event.data:
                screen.pass_on(event.data)
        elif isinstance(event, Notice):
            notes(*_notice(event))
        else:
            self._pass_lines_on(event.stage, b"", ended=True)
            if not (isinstance(event, StageStarted | StageEnded) and is_item(event.stage)):
                notes(*_stage_lines(event))

    def _follow(self, event: Event) -> None:
        """Keep the foot of the terminal up to date: what runs at once, and what it wrote last."""
        if isinstance(event, StageStarted) and event.shared:
            self._stages.start(event.stage, time.monotonic())
            if not self._ticking:
                self._ticking = True
                threading.Thread(target=self._tick, daemon=True).start()
        elif isinstance(event, StageOutput) and event.shared and event.data:
            self._stages.hear(event.stage, event.data)
        elif isinstance(event, StageEnded | StageOutput):
            self._stages.end(event.stage)
        if not isinstance(event, StageOutput) or not event.data or self._is_due(ended=False):
            self._draw_stages()

    def _tick(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            with self._guard:
                if not self._draw_stages():
                    self._ticking = False
                    return

    def _draw_stages(self) -> bool:
        """Draw the lines again; False when there are none."""
        lines = self._stages.lines(time.monotonic(), width_of(2))
        if lines:
            self._shown = time.monotonic()
            screen.draw(lines)
        return bool(lines)

    def _pass_lines_on(self, stage: str, output: bytes, *, ended: bool = False) -> None:
        """Show whole lines of one of several commands, each behind the name of its stage."""
        whole, newline, rest = (self._unfinished.pop(stage, b"") + output).rpartition(b"\n")
        if (ended and rest) or len(rest) > _LONGEST_LINE:
            whole, newline, rest = whole + newline + rest, b"\n", b""
        if rest:
            self._unfinished[stage] = rest
        if newline:
            prefix = screen.as_bytes(colour.err(f"{stage} | ", Ink.DIM))
            screen.pass_on(b"".join(prefix + line.rpartition(b"\r")[2] + b"\n" for line in whole.split(b"\n")))

    def _progressed(self, event: Progress) -> None:
        total = f"/{event.total:,}" if event.total is not None else ""
        text, now, ended = f"{event.task} {event.done:,}{total} {event.unit}", time.monotonic(), event.done == event.total
        if self._is_due(ended=ended):
            self._rewrite(text, ended=ended)
        elif not self._live and now - max(self._shown, self._begin) >= _LINE_SECONDS:
            self._shown = now
            note(text)

    def _transferred(self, event: Transferred) -> None:
        now, ended = time.monotonic(), event.objects == event.total_objects
        self._meter.note(event, now)
        if self._live and self._is_due(ended=ended):
            self._rewrite(self._meter.text(event, now, bar=True), ended=ended)
        elif not self._live and now - max(self._shown, self._begin) >= _LINE_SECONDS:
            self._shown = now
            note(self._meter.text(event, now, bar=False))

    def _is_due(self, *, ended: bool) -> bool:
        return self._live and (ended or time.monotonic() - self._shown >= _REWRITE_SECONDS)

    def _rewrite(self, text: str, *, ended: bool) -> None:
        self._shown = time.monotonic()
        screen.rewrite(text)
        if ended:
            screen.leave_line()


def terminal() -> Tell:
    """A listener for this run."""
    return Terminal()


def _notice(notice: Notice) -> tuple[str, ...]:
    begin = f"{notice.place}: " if notice.place else ""
    message = _unsaid(notice.message)
    text = f"{begin}{colour.err('note:', Ink.YELLOW)} {message.removeprefix(begin)}"
    if not notice.hint:
        return (text,)
    return (text, f"{colour.err('hint:', Ink.CYAN)} {notice.hint}") if "\n" in message else (f"{text}; {notice.hint}",)


def _stage_lines(event: StageStarted | StageSkipped | StageRestored | StageRetrying | StageEnded) -> tuple[str, ...]:
    if isinstance(event, StageStarted):
        why = f" ({', '.join(event.why)})" if event.why else ""
        running = colour.err(f"Running stage '{event.stage}'", Ink.BOLD)
        command = [f"> {line}" for line in event.command.removesuffix("\n").split("\n")] if event.command else ()
        return (f"{running}{why}{':' if command else ''}", *command)
    if isinstance(event, StageSkipped):
        return (colour.err(f"Stage '{event.stage}' didn't change, skipping", Ink.DIM),)
    if isinstance(event, StageRestored):
        return (colour.err(f"Stage '{event.stage}' is cached - skipping run, checking out outputs", Ink.DIM),)
    if isinstance(event, StageRetrying):
        again = f"attempt {event.attempt + 1} of {event.attempts} starts in {event.pause:g} s"
        return (f"{colour.err('note:', Ink.YELLOW)} {event.message}", f"{colour.err('hint:', Ink.CYAN)} {again}")
    return (f"Stage '{event.stage}' done in {event.seconds:.1f} s",)


def _planned(event: TransferPlanned) -> str:
    way = "to" if event.task == "push" else "from"
    about = f"{size(event.bytes)}, {'about' if event.task == 'push' else 'at most'} {count(event.requests, 'request')}"
    return f"{count(event.objects, 'object')} to {event.task} {way} `{event.remote}` ({about})"
