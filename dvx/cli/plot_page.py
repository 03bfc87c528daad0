"""The page of `plots show` and `plots diff`."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

from dvx.cli.pages import as_script, libraries, page
from dvx.errors import UsageError

_DRAW = """
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
for (const [place, spec] of Object.entries(SPECS)) {
  const options = { actions: { export: true, source: false, compiled: false, editor: false }, theme: dark ? "dark" : undefined };
  vegaEmbed("#" + place, { background: "transparent", ...spec }, options).catch((error) => {
    document.getElementById(place).textContent = String(error);
    document.body.dataset.failed = (document.body.dataset.failed || "") + place + " ";
  });
}
"""
Picture = tuple[str, str, str]
"""Name of the plot, revision, and where the picture is, seen from the page."""


def plots_page(charts: Sequence[tuple[str, dict[str, Any]]], pictures: Sequence[Picture], template: str = "") -> str:
    """The page with these charts (name, specification), and pictures side by side.

    `template` is the text of a page of the user's, with `{plot_divs}` and maybe `{scripts}` and `{refresh_tag}`.
    """
    divisions, specs = _charts(charts), {f"plot{number}": spec for number, (_, spec) in enumerate(charts)}
    script = f"const SPECS = {as_script(specs)};{_DRAW}"
    if template:
        return _own_page(template, f"{divisions}\n{_pictures(pictures)}\n<script>{script}</script>")
    heads = [f"<h1>Plots</h1>\n<p class='quiet'>{_counted(len(charts), 'chart')}, {_counted(len(pictures), 'picture')}</p>"]
    body = "\n".join([*heads, divisions, _pictures(pictures)])
    return page("Plots", body, script)


def _own_page(template: str, divisions: str) -> str:
    if "{plot_divs}" not in template:
        raise UsageError("the page has no place for plots", "write `{plot_divs}` where they belong")
    scripts = libraries()
    found = template if "{scripts}" in template else template.replace("{plot_divs}", "{scripts}{plot_divs}")
    return found.replace("{refresh_tag}", "").replace("{scripts}", scripts).replace("{plot_divs}", divisions)


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
