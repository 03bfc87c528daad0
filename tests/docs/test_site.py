"""The documentation builds as a site, on which every link leads somewhere and nothing comes from another host."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.docs.site import OUTSIDE, relinked
from tests.helpers import ROOT, run_process

_LOADED = re.compile(r"<(?:script|img|iframe)[^>]* src=[\"']?(https?:[^\"' >]+)|<link[^>]* href=[\"']?(https?:[^\"' >]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    env = {"NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = run_process(ROOT, sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder, env=env)
    assert done.code == 0, done.err
    return folder


def test_every_document_is_a_page(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    assert len(pages) >= 12
    assert [str(page) for page in pages if not (site / page).is_file()] == []


@pytest.mark.parametrize("name", ["index", "tutorial", "cli", "project/SECURITY", "project/example-project/index"])
def test_a_page_has_a_title_and_a_way_to_the_others(site: Path, name: str) -> None:
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    assert "<h1" in text
    assert re.search(r'<a href="[^"]*tutorial\.html" class="md-nav__link', text)


def test_the_site_can_be_searched(site: Path) -> None:
    assert "dvx exp show" in (site / "search" / "search_index.json").read_text(encoding="utf-8")


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert {found for page in pages for found in _LOADED.findall(page.read_text(encoding="utf-8"))} == set()


@pytest.mark.parametrize(
    ("uri", "source", "site_link"),
    [
        ("concepts.md", "[a](cli.md#dvx-add)", "[a](cli.md#dvx-add)"),
        ("concepts.md", "[a](../SECURITY.md)", "[a](project/SECURITY.md)"),
        ("guides/s3.md", "[a](../remotes.md) [b](../../CHANGELOG.md)", "[a](../remotes.md) [b](../project/CHANGELOG.md)"),
        ("project/SECURITY.md", "[a](docs/concepts.md)", "[a](../concepts.md)"),
        ("project/example-project/README.md", "![a](../docs/a.svg)", "![a](../../a.svg)"),
        ("concepts.md", "[a](#title) [b](https://example.org/a.md)", "[a](#title) [b](https://example.org/a.md)"),
        ("concepts.md", "```text\n[a](../SECURITY.md)\n```\n", "```text\n[a](../SECURITY.md)\n```\n"),
    ],
)
def test_a_link_between_files_becomes_one_between_pages(uri: str, source: str, site_link: str) -> None:
    assert relinked(source, uri) == site_link


def test_what_lies_outside_is_there() -> None:
    assert [name for name in OUTSIDE if not (ROOT / name).is_file()] == []
