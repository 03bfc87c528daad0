"""Pages: whatever a repository puts into them, nothing but dvx's own scripts runs, and nothing is fetched."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dvx.cli.terminal.pages import elements, guard, page, restrained
from tests.cli.test_plots_cli import drawn, needs_browser
from tests.helpers import commit_all, dialect_of, dvx, run_dvx, write

RAN = "document.documentElement.dataset.ran = 1"
# each of these does something in a page without a policy
ATTACKS = {
    "script": f"<script>{RAN}</script>",
    "script from elsewhere": '<script src="URL/script.js"></script>',
    "module": f'<script type="module">{RAN}</script>',
    "handler": f'<img src="nothing" onerror="{RAN}"><svg onload="{RAN}"></svg><body onload="{RAN}">',
    "svg": f"<svg><script>{RAN}</script></svg>",
    "picture": '<img src="URL/picture.png"><svg><image href="URL/image.png"/></svg>',
    "style": '<style>@import url("URL/style.css"); body { background: url("URL/back.png") }</style>',
    "linked style": '<link rel="stylesheet" href="URL/linked.css">',
    "prefetch": '<link rel="prefetch" href="URL/prefetch"><link rel="preload" as="fetch" href="URL/preload">',
    "icon": '<link rel="icon" href="URL/icon.png">',
    "manifest": '<link rel="manifest" href="URL/manifest.json">',
    "base": '<base href="URL/base/"><img src="relative.png">',
    "refresh": '<meta http-equiv="refresh" content="0;url=URL/refresh">',
    "refresh in a frame": """<iframe srcdoc="&lt;meta http-equiv='refresh' content='0;url=URL/inner'>"></iframe>""",
    "frame": '<iframe src="URL/frame"></iframe><iframe src="data:text/html,<script>1</script>"></iframe>',
    "object": '<object data="URL/object"></object><embed src="URL/embed">',
    "media": '<video src="URL/video.mp4" autoplay></video><audio src="URL/audio.mp3" autoplay></audio>',
    "font": '<style>@font-face { font-family: f; src: url("URL/font.woff") } body { font-family: f }</style>',
    "form": f'<form action="URL/form"><button autofocus>x</button></form><a href="javascript:{RAN}">x</a>',
    "another policy": '<meta http-equiv="Content-Security-Policy" content="default-src *"><img src="URL/policy.png">',
}
CHART = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": "<DVC_METRIC_DATA>"},
    "mark": "point",
    "encoding": {"x": {"field": "epoch"}, "y": {"field": "loss", "type": "quantitative"}},
}


class _Requests(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server, and what it was asked for."""
    asked: list[str] = []
    handler = type("Handler", (_Requests,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", asked
        running.shutdown()


@pytest.fixture
def repo(dialect_repo: Path) -> Path:
    write(dialect_repo / "a.csv", "epoch,loss\n0,1\n1,0.5\n2,0.3\n")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, "plots: [a.csv: {y: loss}]\n")
    commit_all(dialect_repo)
    return dialect_repo


def index(repo: Path) -> Path:
    return repo / f"{dialect_of(repo).name}_plots/index.html"


@needs_browser
def test_the_page_of_a_repository_runs_nothing_and_fetches_nothing(repo: Path, server: tuple[str, list[str]]) -> None:
    url, asked = server
    attacks = "".join(ATTACKS.values()).replace("URL", url)
    write(
        repo / "own.html", f"<!DOCTYPE html><html><head>{attacks}</head><body>{attacks}<h1>Mine</h1>{{plot_divs}}</body></html>"
    )
    dvx(repo, "config", "plots.html_template", str(repo / "own.html"))
    dvx(repo, "plots", "show")
    found = drawn(index(repo))
    assert "<h1>Mine</h1>" in found
    assert found.count("<canvas") == 1
    assert 'data-ran="1"' not in found
    assert asked == []


@needs_browser
@pytest.mark.parametrize("name", ["script", "handler", "picture", "refresh", "style", "another policy"])
def test_the_attacks_would_work(tmp_path: Path, server: tuple[str, list[str]], name: str) -> None:
    url, asked = server
    write(
        tmp_path / "site/page.html", f"<!DOCTYPE html><html><head></head><body>{ATTACKS[name].replace('URL', url)}</body></html>"
    )
    found = drawn(tmp_path / "site/page.html")
    assert asked or 'data-ran="1"' in found


@needs_browser
def test_a_template_of_a_repository_fetches_nothing_and_leads_nowhere(repo: Path, server: tuple[str, list[str]]) -> None:
    url, asked = server
    sneaky = "({}).constructor.constructor('document.documentElement.dataset.ran = 1')()"
    layers = [
        CHART,
        {
            "mark": "image",
            "encoding": {"url": {"value": f"{url}/image.png"}, "x": {"field": "epoch"}, "href": {"value": f"{url}/link"}},
        },
        {"data": {"url": f"{url}/data.json"}, "mark": "bar"},
        {"transform": [{"calculate": sneaky, "as": "z"}], "mark": "point", "encoding": {"x": {"field": "z"}}},
    ]
    embed = {
        "ast": False,
        "loader": {"baseURL": url},
        "defaultStyle": f"@import url({url}/style.css)",
        "config": f"{url}/config",
        "patch": f"{url}/patch",
    }
    for number, layer in enumerate(layers[1:]):
        chart = {
            **CHART,
            "layer": [{key: CHART[key] for key in ("mark", "encoding")}, layer],
            "usermeta": {"embedOptions": embed},
        }
        write(
            repo / f"t{number}.json", json.dumps({key: value for key, value in chart.items() if key not in ("mark", "encoding")})
        )
        dvx(repo, "plots", "show", "-t", f"t{number}.json", "-o", f"page{number}")
        found = drawn(repo / f"page{number}/index.html")
        assert 'data-ran="1"' not in found
        assert asked == []


@needs_browser
@pytest.mark.parametrize("words", ["exp show --html -o site", "dag --html", "plots show -o site"])
def test_names_in_pages_run_nothing(repo: Path, words: str) -> None:
    evil = f"</script><script>{RAN}</script><img src=x onerror='{RAN}'><!--<script>"
    text = json.dumps(evil)
    write(repo / "params.yaml", f"{text}: {text}\n")
    write(repo / "m.json", json.dumps({evil: 1, "a": evil}))
    write(repo / "b.csv", f'epoch,"{evil}"\n0,1\n1,"{evil}"\n')
    pipeline = {"metrics": ["m.json"], "params": ["params.yaml"], "plots": [{"b.csv": {"title": evil, "y": evil, "x": "epoch"}}]}
    pipeline["stages"] = {"s": {"foreach": [evil, "b"], "do": {"cmd": "true", "desc": evil}}}  # type: ignore[assignment]
    write(repo / dialect_of(repo).pipeline, json.dumps(pipeline))
    commit_all(repo, evil)
    out = dvx(repo, *words.split()).out
    place = write(repo / "site/dag.html", out) if words.startswith("dag") else next((repo / "site").glob("*.html"))
    found = drawn(place)
    assert 'data-ran="1"' not in found
    assert "data-failed" not in found


def test_each_page_has_the_policy_first_and_each_script_its_hash(repo: Path) -> None:
    text = page("Title", "<p>", "let a = 1;")
    head = text.index("<head>") + len("<head>")
    assert text[head:].lstrip().startswith('<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy"')
    assert text.count("<script>") == len(set(re.findall("'sha256-[^']+'", text)))
    assert "unsafe-eval" not in text
    assert "script-src 'sha256-" in dvx(repo, "dag", "--html").out
    assert guard(["a"]) != guard(["b"])
    assert elements(["</script>"]).count("</script>") == 1


@pytest.mark.parametrize("element", ["meta", "META", "link", "base", "iframe", "object", "embed", "form", "Frame", "frameset"])
@pytest.mark.parametrize("end", [" ", "\n", "/", ">", "\t", "\f"])
def test_elements_that_lead_elsewhere_lose_their_names(element: str, end: str) -> None:
    assert restrained(f"<{element}{end}x") == f"<x-{element}{end}x"
    assert restrained(f"</{element}{end}x") == f"</x-{element}{end}x"
    assert restrained(f"<{element}x{end}") == f"<{element}x{end}"


def test_no_placeholder_makes_an_element(repo: Path) -> None:
    write(repo / "own.html", "<me{refresh_tag}ta http-equiv=refresh content=1><{refresh_tag}base href=x>{plot_divs}")
    dvx(repo, "plots", "show", "--html-template", "own.html")
    assert not re.search("<(base|meta http-equiv=refresh)", index(repo).read_text())


def _folder_link(repo: Path, name: str) -> None:
    (repo / name).symlink_to("../outside")


def _page_link(repo: Path, name: str) -> None:
    (repo / name).mkdir()
    (repo / name / "index.html").symlink_to("../../outside/index.html")


def _pictures_link(repo: Path, name: str) -> None:
    (repo / name).mkdir()
    (repo / name / "static").symlink_to("../../outside")


@pytest.mark.parametrize("make", [_folder_link, _page_link, _pictures_link])
def test_no_page_is_written_through_a_link(repo: Path, make: Callable[[Path, str], None]) -> None:
    write(repo.parent / "outside/index.html", "theirs")
    write(repo / "picture.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    for name, words in ((f"{dialect_of(repo).name}_plots", ()), ("named", ("-o", "named"))):
        make(repo, name)
        refused = run_dvx(repo, "plots", "show", *words, "a.csv", "picture.svg")
        assert refused.code != 0
        assert "is a symbolic link, and dvx writes no pages through one" in refused.err
    assert {path.name: path.read_text() for path in (repo.parent / "outside").iterdir()} == {"index.html": "theirs"}


@pytest.mark.parametrize("value", ["../outside", "/tmp/dvx-outside", "sub/../../outside", ".git", "FOLDER/tmp", ".git/hooks"])
def test_a_repository_does_not_say_that_pages_go_elsewhere(repo: Path, value: str) -> None:
    folder = dialect_of(repo).folder
    write(repo / folder / "config", f"[plots]\n    out_dir = {value.replace('FOLDER', folder)}\n")
    before = sorted(path for path in repo.rglob("*.html"))
    for words in ("plots show", "exp show --html", "plots show --json"):
        refused = run_dvx(repo, *words.split())
        assert refused.code != 0
        assert "`plots.out_dir` says where dvx writes" in refused.err or "is no folder for pages" in refused.err
    assert sorted(path for path in repo.rglob("*.html")) == before
    assert not (repo.parent / "outside").exists()


def test_a_folder_elsewhere_is_the_users_to_choose(repo: Path) -> None:
    dvx(repo, "plots", "show", "-o", "../outside")
    assert (repo.parent / "outside/index.html").exists()
    dvx(repo, "config", "--global", "plots.out_dir", str(repo.parent / "own"))
    dvx(repo, "plots", "show")
    assert (repo.parent / "own/index.html").exists()
    write(repo / dialect_of(repo).folder / "config", "[plots]\n    out_dir = ../agreed\n")
    assert run_dvx(repo, "plots", "show").code != 0
    dvx(repo, "trust", "--yes")
    dvx(repo, "plots", "show")
    assert (repo.parent / "agreed/index.html").exists()


def test_a_repository_shows_no_file_of_this_machine(repo: Path) -> None:
    write(repo.parent / "secret.html", "secret {plot_divs}")
    (repo / "link.html").symlink_to("../secret.html")
    for value in ("../secret.html", str(repo.parent / "secret.html"), "link.html"):
        write(repo / dialect_of(repo).folder / "config", f"[plots]\n    html_template = {value}\n")
        refused = run_dvx(repo, "plots", "show")
        assert refused.code != 0
        assert "which is not in the repository" in refused.err
    dvx(repo, "plots", "show", "--html-template", "../secret.html")
    assert "secret" in index(repo).read_text()


def test_a_page_of_the_users_own_stays(repo: Path) -> None:
    write(repo / "site/index.html", "<html>mine</html>")
    write(repo / "site/experiments.html", "<html>mine</html>")
    for words in ("plots show -o site", "exp show --html -o site"):
        refused = run_dvx(repo, *words.split())
        assert refused.code != 0
        assert "was not made by dvx, so it is not replaced" in refused.err
    assert {path.name: path.read_text() for path in (repo / "site").iterdir()} == dict.fromkeys(
        ("index.html", "experiments.html"), "<html>mine</html>"
    )
    for words in ("plots show", "plots show", "exp show --html", "exp show --html"):
        dvx(repo, *words.split())
    # DVC's page is replaced where dvx works in its place
    write(index(repo), "<!DOCTYPE html><html><head><title>DVC Plot</title></head></html>")
    dvx(repo, "plots", "show")
