"""The page of `plots show` and `plots diff`."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Any

from dvx.cli.terminal.pages import as_script, elements, guard, libraries, page, restrained
from dvx.errors import UsageError

_DRAW = """
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
for (const [place, spec] of Object.entries(SPECS)) {
  const options = { actions: { export: true, source: false, compiled: false, editor: false }, theme: dark ? "dark" : undefined };
  drawChart(place, spec, options);
}
"""
_DOCTYPE = re.compile(r"<!doctype[^>]*>", re.IGNORECASE)
_PLACES = re.compile(r"(\{scripts\}|\{plot_divs\})")
Picture = tuple[str, str, str]
"""Name of the plot, revision, and where the picture is, seen from the page."""


def plots_page(charts: Sequence[tuple[str, dict[str, Any]]], pictures: Sequence[Picture], template: str = "") -> str:
    """The page with these charts (name, specification), and pictures side by side.

    `template` is the text of a page of the user's, with `{plot_divs}` and maybe `{scripts}` and `{refresh_tag}`.
    """
    divisions, specs = _charts(charts), {f"plot{number}": spec for number, (_, spec) in enumerate(charts)}
    script = f"const SPECS = {as_script(specs)};{_DRAW}"
    if template:
        return _own_page(template, f"{divisions}\n{_pictures(pictures)}", script)
    heads = [f"<h1>Plots</h1>\n<p class='quiet'>{_counted(len(charts), 'chart')}, {_counted(len(pictures), 'picture')}</p>"]
    body = "\n".join([*heads, divisions, _pictures(pictures)])
    return page("Plots", body, script)


def _own_page(template: str, divisions: str, script: str) -> str:
    """The page of a user's, or of a repository's, in which nothing but dvx's own scripts runs."""
    if "{plot_divs}" not in template:
        raise UsageError("the page has no place for plots", "write `{plot_divs}` where they belong")
    text = restrained(_DOCTYPE.sub("", template).replace("{refresh_tag}", ""))
    if "{scripts}" not in text:
        text = text.replace("{plot_divs}", "{scripts}{plot_divs}")
    parts = {"{scripts}": elements(libraries()), "{plot_divs}": f"{divisions}\n{elements([script])}"}
    filled = "".join(parts.get(part, part) for part in _PLACES.split(text))
    # what stands before the page's own elements belongs to its head
    return f"<!DOCTYPE html>\n{guard([*libraries(), script])}{filled}"


def _charts(charts: Iterable[tuple[str, Any]]) -> str:
    cards = [f'<div class="card"><div id="plot{number}"></div></div>' for number, _ in enumerate(charts)]
    return f'<div class="grid">{"".join(cards)}</div>' if cards else ""


def _pictures(pictures: Sequence[Picture]) -> str:
    """Pictures of one plot in one line, by number if they are called after steps."""
    by_name: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_name.setdefault(picture[0], []).append(picture)
    sections = []
    for name in sorted(by_name, key=_order):
        figures = "".join(
            f'<div class="card"><figure><figcaption>{html.escape(revision)}</figcaption>'
            f'<img src="{html.escape(place)}" alt="{html.escape(f"{name} at {revision}")}" loading="lazy"></figure></div>'
            for _, revision, place in by_name[name]
        )
        sections.append(f'<h2>{html.escape(name)}</h2><div class="grid">{figures}</div>')
    return "\n".join(sections)


def _order(name: str) -> tuple[str, int, str]:
    base = posixpath.basename(name)
    stem = posixpath.splitext(base)[0]
    return posixpath.dirname(name), int(stem) if stem.isdigit() and stem.isascii() else -1, base


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
