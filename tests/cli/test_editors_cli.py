"""schema and vscode: what they print, what they write, and what of a person's files stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dvx.formats import load_jsonc
from tests.helpers import dialect_of, dvx, run_dvx, tree, write

OWN_TASKS = """\
// tasks of our team
{
  "version": "2.0.0",
  "tasks": [
    { "label": "lint", "type": "shell", "command": "ruff check" }, // ours
    { "label": "dvx: repro", "command": "old", "detail": "my words", "presentation": { "reveal": "never" } },
  ],
}
"""
OWN_SETTINGS = '{\n\t"editor.rulers": [80], // wide\n\t"search.exclude": { "**/build": true }\n}\n'


@pytest.fixture
def project(dialect_repo: Path) -> Path:
    """A project of two stages, one of them made by a template."""
    text = "stages:\n  a: {cmd: echo 1 > x, outs: [x]}\n  each: {foreach: [u, v], do: {cmd: 'echo ${item}'}}\n"
    write(dialect_repo / dialect_of(dialect_repo).pipeline, text)
    return dialect_repo


def test_schemas_are_printed_in_and_outside_of_a_project(project: Path, tmp_path: Path) -> None:
    stage = dvx(project, "schema", "pipeline").json["properties"]["stages"]["additionalProperties"]["else"]["properties"]
    assert ("run" in stage) is (dialect_of(project).name == "dvx")
    assert dvx(tmp_path, "schema", "lock").json["title"] == "dvx.lock"
    wrong = run_dvx(tmp_path, "schema", "nonsense")
    assert wrong.code == 2
    assert "'pipeline', 'pointer', 'lock', 'config'" in wrong.err


def test_a_new_set_up_is_whole_and_then_up_to_date(project: Path) -> None:
    assert dvx(project, "vscode").err.startswith("Wrote .vscode/tasks.json\n")
    tasks = load_jsonc((project / ".vscode/tasks.json").read_text(), "tasks.json")
    labels = [task["label"] for task in tasks["tasks"]]
    assert labels[:3] == ["dvx: repro", "dvx: repro one stage", "dvx: pull"]
    assert tasks["inputs"][0]["options"] == ["a", "each@u", "each@v"]
    settings = load_jsonc((project / ".vscode/settings.json").read_text(), "settings.json")
    folder = dialect_of(project).folder
    assert settings["files.watcherExclude"][f"**/{folder}/cache/**"] is True
    for file in settings["yaml.schemas"]:
        assert (project / file).is_file()
    before = tree(project / ".vscode")
    assert dvx(project, "vscode").err == "The set-up of VS Code is up to date.\n"
    assert dvx(project, "vscode", "--check").out == ""
    assert tree(project / ".vscode") == before


def test_check_says_what_is_out_of_date(project: Path) -> None:
    dvx(project, "vscode")
    pipeline = project / dialect_of(project).pipeline
    write(pipeline, pipeline.read_text() + "  new: {cmd: echo}\n")
    (project / ".vscode/dvx/lock.schema.json").write_text("{}")
    result = run_dvx(project, "vscode", "--check")
    assert result.code == 1
    assert result.out == ".vscode/tasks.json: inputs: dvxStage\n.vscode/dvx/lock.schema.json: the schema of `lock`\n"
    assert result.err == "error: the set-up of VS Code is out of date\nhint: run `dvx vscode`\n"
    dvx(project, "vscode")
    assert run_dvx(project, "vscode", "--check").code == 0


def test_what_a_person_wrote_stays(native: Path) -> None:
    write(native / ".vscode/tasks.json", OWN_TASKS)
    write(native / ".vscode/settings.json", OWN_SETTINGS)
    unwanted = '{"unwantedRecommendations": ["redhat.vscode-yaml"]} // no\n'
    write(native / ".vscode/extensions.json", unwanted)
    dvx(native, "vscode")
    tasks = (native / ".vscode/tasks.json").read_text()
    assert tasks.startswith(OWN_TASKS[: OWN_TASKS.index('    { "label": "dvx')])
    assert '"command": "dvx", "detail": "my words", "presentation": { "reveal": "never" }' in tasks
    assert tasks.count('"dvx: repro"') == 1
    settings = (native / ".vscode/settings.json").read_text()
    assert settings.startswith(
        '{\n\t"editor.rulers": [80], // wide\n\t"search.exclude": { "**/build": true, "**/.dvx/cache": true'
    )
    assert (native / ".vscode/extensions.json").read_text() == unwanted


def test_a_broken_file_is_told_and_nothing_is_written(native: Path) -> None:
    write(native / ".vscode/settings.json", '{\n  "a" 1\n}\n')
    result = run_dvx(native, "vscode")
    assert result.code == 1
    assert result.err.startswith(".vscode/settings.json:2:7: error: `:` is expected\n")
    assert list(tree(native / ".vscode")) == ["settings.json"]


def test_the_matcher_of_the_tasks_catches_errors_with_their_place(native: Path) -> None:
    write(native / "dvx.yaml", "stages:\n  a:\n    cmd: exit 3\n")
    dvx(native, "vscode")
    tasks = load_jsonc((native / ".vscode/tasks.json").read_text(), "tasks.json")
    pattern = tasks["tasks"][0]["problemMatcher"]["pattern"]

    def caught(*options: str) -> list[tuple[str, ...]]:
        lines = run_dvx(native, "repro", *options).err.splitlines()
        found = [match for line in lines if (match := re.search(pattern["regexp"], line))]
        return [tuple(match[pattern[part]] for part in ("file", "line", "column", "severity", "message")) for match in found]

    assert caught() == [("dvx.yaml", "2", "3", "error", "the stage `a` failed: `exit 3` exited with 3")]
    assert caught("-k")[0][:4] == ("dvx.yaml", "2", "3", "note")
    write(native / "dvx.yaml", "stages:\n  a:\n    cmd: cat none\n    deps: [none]\n")
    assert caught() == [("dvx.yaml", "2", "3", "error", "`none`, which the stage `a` depends on, does not exist")]
    write(native / "dvx.yaml", "stages:\n  a:\n    cmmd: x\n")
    assert caught() == [("dvx.yaml", "3", "5", "error", "unknown key `cmmd`")]
    write(native / "dvx.yaml", "stages: [\n")
    assert caught()[0][:4] == ("dvx.yaml", "1", "10", "error")
    write(native / "dvx.yaml", "stages: {}\n")
    write(native / ".dvx/config", "[core]\n    autostge = 1\n")
    assert caught()[0][:2] == (".dvx/config", "2")


@pytest.mark.parametrize("words", ["repro", "pull", "push", "status", "exp run", "exp show --html --open", "queue start"])
def test_a_task_calls_what_there_is(native: Path, words: str) -> None:
    names = [word for word in words.split() if not word.startswith("--")]
    known = run_dvx(native, *names, "--help")
    assert known.code == 0
    assert all(option in known.out for option in words.split()[len(names) :])


def test_tasks_call_the_dvx_of_an_environment_in_the_project(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(native / ".venv/bin/dvx", "")
    monkeypatch.setattr("sys.prefix", str(native / ".venv"))
    dvx(native, "vscode")
    tasks = load_jsonc((native / ".vscode/tasks.json").read_text(), "tasks.json")
    assert {task["command"] for task in tasks["tasks"]} == {"${workspaceFolder}/.venv/bin/dvx"}
