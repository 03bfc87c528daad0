"""completion: the scripts that shells load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import dvx, run_dvx, run_process


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o default -F _dvx_completion dvx"),
        ("zsh", "#compdef dvx"),
        ("fish", "complete --command dvx --no-files"),
    ],
)
def test_each_shell_has_a_script(tmp_path: Path, shell: str, line: str) -> None:
    script = dvx(tmp_path, "completion", shell).out
    assert line in script
    assert dvx(tmp_path, "completion", "-s", shell).out == script


def test_bash_is_the_default_as_for_dvc(tmp_path: Path) -> None:
    assert dvx(tmp_path, "completion").out == dvx(tmp_path, "completion", "--shell", "bash").out


def test_bash_completes_with_the_script(native: Path) -> None:
    (native / "script").write_text(dvx(native, "completion", "bash").out)
    asked = 'source ./script; COMP_WORDS=(dvx comp); COMP_CWORD=1; _dvx_completion dvx; echo "${COMPREPLY[@]}"'
    assert run_process(native, "bash", "-c", asked).out == "completion\n"


def test_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    result = run_dvx(tmp_path, "completion", "bush")
    assert (result.code, result.err) == (2, "error: there is no completion for `bush`\nhint: did you mean `bash`?\n")
    assert run_dvx(tmp_path, "completion", "bash", "-s", "zsh").code == 2
