"""Pages for a browser: one HTML file each, with all that it needs in it, so that it works without a network."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any

LIBRARIES = ("vega", "vega-lite", "vega-embed")

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --back: #ffffff; --card: #f6f8fa; --mark: #0969da;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --back: #0d1117; --card: #151b23; --mark: #4493f8; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 24px; font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
h1 { font-size: 20px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 28px 0 10px; }
.quiet { color: var(--quiet); }
.grid { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
.card { max-width: 100%; overflow: auto; }
.card figure { margin: 0; } .card figcaption { color: var(--quiet); font-size: 12px; margin-bottom: 6px; }
.card img { max-width: 420px; max-height: 420px; display: block; background: #fff; }
.vega-bind { font-size: 12px; color: var(--quiet); }
"""


def page(title: str, body: str, script: str = "", *, draws: bool = True, style: str = "") -> str:
    """A page; one that `draws` has the libraries for plots in it."""
    scripts = libraries() if draws else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}{style}</style>\n{scripts}</head>\n"
        f"<body>\n{body}\n<script>{_inside(script)}</script>\n</body>\n</html>\n"
    )


def libraries() -> str:
    """The libraries that draw plots, as elements of a page."""
    return "".join(f"<script>{_inside(_library(name))}</script>\n" for name in LIBRARIES)


def as_script(value: Any) -> str:
    """A value as it stands in a script, whatever texts are in it."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _library(name: str) -> str:
    return resources.files("dvx").joinpath(f"assets/{name}.min.js").read_text(encoding="utf-8")


def _inside(script: str) -> str:
    return script.replace("</script", "<\\/script").replace("</SCRIPT", "<\\/SCRIPT")
