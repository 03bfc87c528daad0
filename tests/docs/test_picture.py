"""The picture in the README is one of a real session, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from demo.picture import COMMANDS, PICTURE, lasting, main, screen
from tests.helpers import ROOT

NAMESPACE = "http://www.w3.org/2000/svg"


def _words(path: Path) -> str:
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == f"{{{NAMESPACE}}}svg"
    return "".join(text for node in root.iter(f"{{{NAMESPACE}}}text") for text in node.itertext()).replace("\u00a0", " ")


def test_the_picture_shows_the_session() -> None:
    words = _words(PICTURE)
    assert [command for command in COMMANDS if f"$ {command}" not in words] == []
    assert "[faster]" in words


def test_the_picture_loads_nothing() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"' )<]+", text)) == {NAMESPACE}
    assert "@font-face" not in text
    assert "@import" not in text


def test_the_picture_is_shown() -> None:
    assert "](docs/assets/terminal.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_is_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(tmp_path / "new.svg")
    assert lasting((tmp_path / "new.svg").read_text(encoding="utf-8")) == lasting(PICTURE.read_text(encoding="utf-8")), (
        "run `make docs`"
    )
    assert capsys.readouterr().out.endswith("is made anew\n")


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("a\r\nb\r\n", ["a", "b"]),
        ("\r\x1b[Kone 1\r\x1b[Kone 2\r\n", ["one 2"]),
        ("a\r\nfoot\r\nmore\r\x1b[K\x1b[A\x1b[Kb\r\n", ["a", "b"]),
        ("\x1b[2mdim\x1b[0m\r\n", ["\x1b[2mdim\x1b[0m"]),
        ("", []),
    ],
)
def test_lines_that_were_written_over_are_gone(printed: str, lines: list[str]) -> None:
    assert screen(printed) == lines
