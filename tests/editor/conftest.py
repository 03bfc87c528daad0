"""Node and what `make test-vscode` installed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import ROOT

INSTALLED = ROOT / ".cache" / "vscode"
MODULES = INSTALLED / "node_modules"


@pytest.fixture
def node() -> Path:
    """The Node that runs what is installed."""
    if not (INSTALLED / ".ready").exists():
        pytest.skip("there is no yaml-language-server; `make test-vscode` installs it")
    return MODULES / ".bin" / "node"
