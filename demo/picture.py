"""The picture of a terminal at the top of the README, made from a real session by `python -m demo.picture`."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios
from collections.abc import Mapping
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from demo.narrator import Broken, environment

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "assets" / "terminal.svg"
COLUMNS = 96
# what the README says before, and one stage that needs not wait for another
BEFORE = (
    "git init --quiet",
    "dvx --quiet init",
    "dvx --quiet add data/penguins.csv",
    "dvx --quiet stage add -n prepare -d prepare.py -d data/penguins.csv -p prepare -o data/prepared python3 prepare.py",
    "dvx --quiet stage add -n featurize -d featurize.py -d data/prepared -p featurize -o data/features python3 featurize.py",
    "dvx --quiet stage add -n count -d data/prepared -o rows.txt 'wc -l data/prepared/train.csv | tee rows.txt'",
    "dvx --quiet stage add -n train -d train.py -d model.py -d data/features -p train -o model.json python3 train.py",
    "dvx --quiet stage add -n evaluate -d evaluate.py -d model.json -d data/features -M metrics.json python3 evaluate.py",
)
COMMANDS = (
    "dvx repro -j 2",
    "git add --all && git commit --quiet --message 'A pipeline'",
    "dvx --quiet exp run -n faster -S train.lr=0.1",
    "dvx exp show --only-changed",
)
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_THEME = TerminalTheme(
    (24, 28, 33),
    (214, 219, 224),
    [
        (24, 28, 33),
        (240, 100, 100),
        (120, 200, 120),
        (225, 190, 100),
        (110, 160, 240),
        (190, 140, 230),
        (90, 200, 200),
        (214, 219, 224),
    ],
)
# what says how a terminal looks: this one looks the same everywhere
_OF_TERMINALS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")
_CONTROL = re.compile(r"(\r|\n|\x1b\[K|\x1b\[\d*A)")
# times and ids, by which no two pictures of one session are the same
_VOLATILE = re.compile(r"\b[0-9a-f]{7}\b|(;&#160;)?\d+(\.\d+)?&#160;m?s\b(&#160;saved)?|\d\d:\d\d&#160;[AP]M")
_PLACED = re.compile(r' (textLength|x|y|clip-path)="[^"]*"')


def screen(printed: str) -> list[str]:
    """What a terminal shows in the end, with its colours: lines that were written over are gone."""
    lines, row = [""], 0
    for part in _CONTROL.split(printed):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[K":
            lines[row] = ""
        elif part.startswith("\x1b[") and part.endswith("A"):
            row -= int(part[2:-1] or 1)
        elif part != "\r":
            lines[row] += part
    while lines and not lines[-1]:
        lines.pop()
    return lines


def record(command: str, folder: Path, env: Mapping[str, str]) -> str:
    """All that a command writes to a terminal. Raises Broken when it fails."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=there, stderr=there
    ) as process:
        os.close(there)
        found = b""
        while data := _read(here):
            found += data
    os.close(here)
    if process.returncode:
        raise Broken(f"`{command}` ended with exit code {process.returncode}\n{found.decode(errors='replace')}")
    return found.decode()


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except OSError:  # nobody writes to the terminal any more
        return b""


def picture() -> str:
    """Run the session and draw it."""
    with tempfile.TemporaryDirectory(prefix="dvx-picture-") as place:
        folder = Path(place) / "penguins"
        shutil.copytree(ROOT / "example-project", folder)
        env = {name: value for name, value in environment(Path(place)).items() if name not in _OF_TERMINALS}
        env["TERM"] = "xterm-256color"
        for command in BEFORE:
            record(command, folder, env)
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            for line in screen(record(command, folder, env)):
                console.print(Text.from_ansi(line, no_wrap=True, overflow="crop"))
        return console.export_svg(title="dvx", theme=_THEME, code_format=_format(), unique_id="dvx")


def _format() -> str:
    """The template of rich without fonts and links that lie elsewhere."""
    text = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    return re.sub(r"font-family: [^;]+;", f"font-family: {_FONT};", text)


def lasting(svg: str) -> list[str]:
    """A picture without what differs from run to run: times, ids, and which of two stages that run at once was first."""
    return sorted(_VOLATILE.sub("", _PLACED.sub("", svg)).split("</text>"))


def main(path: Path = PICTURE) -> None:
    """Make the picture anew; one that would show the same stays as it is."""
    made = picture()
    if path.exists() and lasting(path.read_text(encoding="utf-8")) == lasting(made):
        print(f"{path} is up to date")
        return
    path.write_text(made, encoding="utf-8")
    print(f"{path} is made anew")


if __name__ == "__main__":
    main()
