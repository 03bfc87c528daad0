"""The guides do what they show: sessions are run, with real servers; files in them are read by what reads such files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from dvx.cli.main import COMMANDS
from tests.docs.session import perform, prepare, untrue
from tests.docs.surroundings import NOTHING, Surroundings, with_dvc, with_s3, with_ssh
from tests.helpers import ROOT, dvx, run_dvx, write

GUIDES = sorted(path.stem for path in (ROOT / "docs" / "guides").glob("*.md"))
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
_CALL = re.compile(r"run: dvx (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def surroundings(guide: str, request: pytest.FixtureRequest, tmp_path: Path) -> Surroundings:
    if guide == "s3":
        return with_s3(request.getfixturevalue("s3"))
    if guide == "ssh":
        return with_ssh(request.getfixturevalue("ssh"))
    return with_dvc(tmp_path) if guide == "from-dvc" else NOTHING


@pytest.mark.parametrize("guide", GUIDES)
def test_the_session_is_as_shown(guide: str, surroundings: Surroundings, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    prepare(folder, ROOT)
    name = f"docs/guides/{guide}.md"
    outcomes = perform((ROOT / name).read_text(encoding="utf-8"), folder, surroundings)
    assert len(outcomes) >= 5
    assert untrue(name, outcomes) == []


@pytest.mark.parametrize("page", PAGES)
def test_what_is_not_run_is_read(page: str, native: Path) -> None:
    schema = json.loads(dvx(native, "schema", "pipeline").out)
    for number, (language, text) in enumerate(blocks(page)):
        match language:
            case "yaml" if "stages" in (document := yaml.safe_load(text)) or "plots" in document:
                jsonschema.validate(document, schema)
                folder = native / str(number)
                write(folder / "dvx.yaml", text)
                dvx(folder, "stage", "list")
            case "yaml":
                assert workflow_mistakes(document) == []
            case "python":
                compile(text, page, "exec")
            case "json":
                json.loads(text)
            case _:
                assert language in {"console", "text", "sh", "bash", "mermaid"}, language


def test_a_workflow_calls_commands_that_exist() -> None:
    lines = [line for language, text in blocks("docs/guides/ci.md") if language == "yaml" for line in _CALL.findall(text)]
    assert len(lines) >= 4
    for line in lines:
        words = line.split()
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        help_text = run_dvx(ROOT, *name.split(), "--help").out
        assert [word for word in words if word.startswith("--") and word not in help_text] == [], line


def blocks(page: str) -> list[tuple[str, str]]:
    """The languages and texts of a page's blocks."""
    return _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def workflow_mistakes(document: dict[object, dict[str, dict[str, object]]]) -> list[str]:
    """What keeps a document from being a workflow of GitHub's; `on` is true in YAML 1.1."""
    jobs = document.get("jobs", {})
    steps = [(name, step) for name, job in jobs.items() for step in job["steps"]]  # type: ignore[attr-defined]
    return [
        *(["no `on`"] if True not in document and "on" not in document else []),
        *(["no jobs"] if not jobs else []),
        *(f"{name} has no runs-on" for name, job in jobs.items() if "runs-on" not in job),
        *(f"{name}: {step}" for name, step in steps if ("run" in step) == ("uses" in step)),
    ]


def test_mistakes_in_a_workflow_are_found() -> None:
    assert workflow_mistakes({}) == ["no `on`", "no jobs"]
    assert workflow_mistakes({True: {}, "jobs": {"a": {"steps": [{"run": "x", "uses": "y"}]}}}) == [
        "a has no runs-on",
        "a: {'run': 'x', 'uses': 'y'}",
    ]


def test_the_guides_were_found() -> None:
    assert set(GUIDES) == {"ci", "from-dvc", "large-data", "parallel-runs", "recovering", "s3", "shared-cache", "ssh"}
    assert sum(len(blocks(page)) for page in PAGES) >= 20
