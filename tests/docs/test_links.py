"""Links between documents lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.links import broken
from tests.helpers import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "docs/guides/*.md", "example-project/*.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_link_is_broken(name: str) -> None:
    assert list(broken(ROOT / name)) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One Title\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#one-title) [c](nowhere.md) [d](other.md#two) [e](https://example.org)\n```\n[f](gone.md)\n```\n"
    )
    assert list(broken(page)) == ["nowhere.md", "other.md#two"]


def test_the_documents_were_found() -> None:
    assert {"README.md", "docs/architecture.md", "docs/concepts.md", "docs/formats.md", "docs/tutorial.md"} <= set(DOCUMENTS)
