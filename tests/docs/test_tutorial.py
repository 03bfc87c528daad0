"""The sessions in the documents print what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.session import brought_up_to_date, matches, perform, prepare, steps, untrue
from tests.helpers import ROOT

DOCUMENTS = ["README.md", "docs/tutorial.md", "docs/formats.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_session_is_as_shown(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    prepare(folder, ROOT)
    text = (ROOT / name).read_text(encoding="utf-8")
    outcomes = perform(text, folder)
    assert len(outcomes) >= 10
    assert untrue(name, outcomes) == []


SESSION = """\
Text.

```console
$ echo one; echo two >&2
one
two
$ echo three
tree
```

```sh
$ this is not run
```
"""


def test_commands_and_their_output_are_read() -> None:
    assert [(step.command, step.line, step.shown) for step in steps(SESSION)] == [
        ("echo one; echo two >&2", 4, ("one", "two")),
        ("echo three", 7, ("tree",)),
    ]


def test_a_command_may_fail_only_where_an_error_is_shown(tmp_path: Path) -> None:
    text = "```console\n$ echo error: no; false\nerror: no\n$ echo error: no\nerror: no\n$ false\n```\n"
    outcomes = perform(text, tmp_path)
    assert [outcome.as_shown for outcome in outcomes] == [True, True, True]
    assert [outcome.as_meant for outcome in outcomes] == [True, False, False]
    assert [wrong.splitlines()[0] for wrong in untrue("page", outcomes)] == [
        "page:4: $ echo error: no (exit code 0)",
        "page:6: $ false (exit code 1)",
    ]


def test_what_is_not_as_shown_is_found_and_replaced(tmp_path: Path) -> None:
    outcomes = perform(SESSION, tmp_path)
    assert [outcome.as_shown for outcome in outcomes] == [True, False]
    assert brought_up_to_date(SESSION, outcomes) == SESSION.replace("tree", "three")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a",), ("a",), True),
        (("a",), ("b",), False),
        (("a",), ("a", "b"), False),
        (("a", "b"), ("a",), False),
        ((), ("a",), False),
        (("took ... s",), ("took 3 s",), True),
        (("took ... s",), ("took 3 m",), False),
        (("at ...    one  two",), ("at 12:30  one  two",), True),
        (("a  b",), ("a b",), False),
        (("a", "...", "d"), ("a", "b", "c", "d"), True),
        (("a", "...", "d"), ("a", "d"), True),
        (("a", "...", "d"), ("a", "b"), False),
    ],
)
def test_dots_leave_open_what_they_stand_for(shown: tuple[str, ...], printed: tuple[str, ...], same: bool) -> None:
    assert matches(shown, printed) is same
