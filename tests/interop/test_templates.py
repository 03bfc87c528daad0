"""Templates, resolved by the real DVC and by dvx."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.interop.template_documents import random_fact
from tests.template_facts import FACTS, Fact, outcome, strict

SCRIPT = Path(__file__).with_name("resolve_with_dvc.py")

pytestmark = pytest.mark.interop


def said_by_dvc(python: Path, folder: Path, facts: Sequence[Fact]) -> list[Mapping[str, Any] | None]:
    cases = [{"document": fact.document, "files": dict(fact.files), "style": dict(fact.style)} for fact in facts]
    done = subprocess.run([python, SCRIPT], cwd=folder, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said: list[Mapping[str, Any] | None] = json.loads(done.stdout)
    assert len(said) == len(facts)
    return said


def test_the_recorded_facts_are_still_what_dvc_says(dvc_python: Path, tmp_path: Path):
    said = said_by_dvc(dvc_python, tmp_path, FACTS)
    assert [fact.name for fact, now in zip(FACTS, said, strict=True) if strict(fact.dvc) != strict(now)] == []


def test_documents_made_by_chance_resolve_as_with_dvc(dvc_python: Path, tmp_path: Path):
    facts = [random_fact(seed) for seed in range(300)]
    said = said_by_dvc(dvc_python, tmp_path, facts)
    assert sum(one is not None for one in said) >= 120
    assert [fact.name for fact, theirs in zip(facts, said, strict=True) if strict(outcome(fact)) != strict(theirs)] == []
