"""Pages for a browser: one HTML file each, with all that it needs in it, so that it works without a network."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from typing import Any

# by this line dvx knows its own pages
MARK = '<meta name="generator" content="dvx">'
_POLICY = "style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
_LEADING = re.compile(
    r"<(/?)(meta|link|base|iframe|frame|frameset|object|embed|portal|fencedframe|form)(?=[\s/>])", re.IGNORECASE
)
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

# Vega compiles the expressions of a specification, unless it is told to interpret them (`ast`); what it would load, and where a
# mark would lead, it asks the loader. A specification may hold options for Vega-Embed: those of a stranger are not taken
_DRAW = """
const nothing = () => Promise.reject(new Error("this page loads nothing"));
function drawChart(place, { usermeta, ...spec }, options) {
  const loader = { load: nothing, sanitize: nothing, http: nothing, file: nothing };
  return vegaEmbed("#" + place, { background: "transparent", ...spec }, { ...options, ast: true, loader }).catch((error) => {
    document.getElementById(place).textContent = String(error);
    document.body.dataset.failed = (document.body.dataset.failed || "") + place + " ";
  });
}
"""


def page(title: str, body: str, script: str = "", *, draws: bool = True, style: str = STYLE) -> str:
    """A page; one that `draws` has the libraries for plots in it."""
    scripts = [*(libraries() if draws else ()), script]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{guard(scripts)}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{style}</style>\n{elements(scripts[:-1])}</head>\n"
        f"<body>\n{body}\n{elements(scripts[-1:])}</body>\n</html>\n"
    )


def guard(scripts: Sequence[str]) -> str:
    """What stands first in the head of a page: only these scripts run in it, and nothing is fetched but pictures beside it.

    A policy in a page has no say over where `<meta>` leads and which names `<link>` looks up; `restrained` has.
    """
    hashes = [f"'sha256-{b64encode(sha256(_inside(script).encode()).digest()).decode()}'" for script in scripts]
    policy = f"default-src 'none'; script-src {' '.join(hashes)}; {_POLICY}"
    return (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n<meta http-equiv="x-dns-prefetch-control" content="off">\n'
        f"{MARK}\n"
    )


def restrained(text: str) -> str:
    """A page that somebody else wrote, in which elements that lead elsewhere without a script have lost their names."""
    return _LEADING.sub(r"<\1x-\2", text)


def libraries() -> tuple[str, ...]:
    """The scripts that draw plots."""
    return (*map(_library, LIBRARIES), _DRAW)


def elements(scripts: Sequence[str]) -> str:
    """Scripts as elements of a page."""
    return "".join(f"<script>{_inside(script)}</script>\n" for script in scripts)


def as_script(value: Any) -> str:
    """A value as it stands in a script, whatever texts are in it."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _library(name: str) -> str:
    return resources.files("dvx").joinpath(f"assets/{name}.min.js").read_text(encoding="utf-8")


def _inside(script: str) -> str:
    return script.replace("</script", "<\\/script").replace("</SCRIPT", "<\\/SCRIPT")
