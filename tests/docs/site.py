"""What MkDocs is told beyond mkdocs.yml: which pages lie outside of docs/, and where links to them lead on the site.

In the sources every link is the path from file to file, as GitHub and editors follow it. On the site `docs/` is the top, and
what lies beside it is below `project/`.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "example-project/README.md")
_ROOT = Path(__file__).resolve().parent.parent.parent
_LINK = re.compile(r"(\[[^\]\n]*\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of docs/."""
    for name in OUTSIDE:
        files.append(File.generated(config, f"project/{name}", content=(_ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files into links between pages."""
    return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, uri: str) -> str:
    """A page at `uri` of the site with its links as the site has them; code blocks, other hosts and headings are left alone."""
    parts = _FENCE.split(markdown)
    parts[::2] = [_LINK.sub(lambda found: found[1] + _moved(found[2], uri) + found[3], part) for part in parts[::2]]
    return "".join(parts)


def _moved(link: str, uri: str) -> str:
    if ":" in link:
        return link
    source = uri.removeprefix("project/") if uri.startswith("project/") else f"docs/{uri}"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    place = target.removeprefix("docs/") if target.startswith("docs/") else f"project/{target}"
    return posixpath.relpath(place, posixpath.dirname(uri) or ".")
