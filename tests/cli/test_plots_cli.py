"""Facts about plots as they are drawn: pages in a real browser, properties in pipeline files."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
PIPELINE = """\
stages:
  s:
    cmd: 'true'
    plots:
    - a.csv: {cache: false, y: loss}  # the loss
    - imgs: {cache: false}
"""
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--virtual-time-budget=8000",
    # no network but this machine
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


@pytest.fixture
def repo(dialect_repo: Path) -> Path:
    write(dialect_repo / "a.csv", "epoch,loss\n0,1\n1,0.5\n2,0.3\n")
    write(dialect_repo / "imgs/a b.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='30'/>")
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    commit_all(dialect_repo)
    return dialect_repo


def drawn(page: Path) -> str:
    """The page as a browser without a network has it, after its scripts ran."""
    assert BROWSER is not None
    profile = page.parent.parent.with_name("browser")
    command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    environ = {"PATH": os.environ["PATH"], "HOME": str(profile)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environ)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def place(folder: Path, out: str) -> Path:
    printed = out.strip().splitlines()[-1]
    assert printed == (folder / f"{dialect_of(folder).name}_plots/index.html").resolve().as_uri()
    return folder / f"{dialect_of(folder).name}_plots/index.html"


@needs_browser
def test_charts_are_drawn_without_a_network(repo: Path) -> None:
    write(repo / "a.csv", "epoch,loss\n0,1\n1,0.7\n2,0.3\n</script><b>,1\n")
    page = place(repo, dvx(repo, "plots", "diff", "HEAD").out)
    found = drawn(page)
    assert found.count("<canvas") == 1
    assert "data-failed" not in found
    assert found.count('<img src="static/') == 2
    assert (page.parent / "static/HEAD_imgs_a b.svg").exists()
    assert 'src="http' not in found


@needs_browser
def test_a_page_of_ones_own_gets_the_charts(repo: Path) -> None:
    write(repo / "own.html", "<html><head>{scripts}</head><body><h1>Mine</h1>{plot_divs}</body></html>")
    found = drawn(place(repo, dvx(repo, "plots", "show", "--html-template", "own.html").out))
    assert "<h1>Mine</h1>" in found
    assert found.count("<canvas") == 1
    write(repo / "own.html", "<html></html>")
    assert "has no place for plots" in run_dvx(repo, "plots", "show", "--html-template", "own.html").err


def test_git_ignores_the_folder_of_pages(repo: Path) -> None:
    dvx(repo, "plots", "show")
    folder = f"{dialect_of(repo).name}_plots"
    assert (repo / folder / ".gitignore").read_text() == "*\n"
    assert folder not in git(repo, "status", "--porcelain")
    dvx(repo, "plots", "show", "-o", "mine")
    assert "mine/" in git(repo, "status", "--porcelain")
    # whoever keeps pages in Git goes on
    (repo / folder / ".gitignore").unlink()
    git(repo, "add", folder)
    dvx(repo, "plots", "show")
    assert not (repo / folder / ".gitignore").exists()


def test_charts_are_drawn_in_the_terminal_too(repo: Path) -> None:
    write(repo / "a.csv", "epoch,loss\n0,1\n1,0.7\n2,0.3\n")
    result = dvx(repo, "plots", "diff", "HEAD", "--text")
    assert "HEAD" in result.out
    assert "workspace" in result.out
    assert any(0x2800 < ord(sign) <= 0x28FF for sign in result.out)
    assert "\x1b" not in result.out
    assert "is a picture" in result.err
    write(repo / "a.csv", "epoch,loss\na,b\n")
    assert "has no numbers" in dvx(repo, "plots", "show", "a.csv", "--text").err


def test_properties_are_written_with_the_rest_as_it_was(repo: Path) -> None:
    file = repo / dialect_of(repo).pipeline
    dvx(repo, "plots", "modify", "a.csv", "-t", "scatter", "--title", "Loss")
    assert "template: scatter" in file.read_text()
    assert "y: loss" in file.read_text()
    dvx(repo, "plots", "modify", "a.csv", "--unset", "title", "template")
    assert "template" not in file.read_text()
    result = run_dvx(repo, "plots", "modify", "a.csv", "-t", "scater")
    assert "did you mean `scatter`" in result.err
    assert "has no property `title`" in run_dvx(repo, "plots", "modify", "a.csv", "--unset", "title").err
    assert run_dvx(repo, "plots", "modify", "nope", "-y", "x").code != 0
    assert run_dvx(repo, "plots", "modify", "a.csv").code != 0


def test_what_cannot_be_drawn_is_told(repo: Path) -> None:
    (repo / "a.csv").unlink()
    result = dvx(repo, "plots", "show", "a.csv", "--json")
    assert '"errors"' in result.out
    assert "Some plots of these revisions could not be drawn: workspace" in result.err
    assert run_dvx(repo, "plots", "show", "--show-vega").code != 0
    assert run_dvx(repo, "plots", "diff", "nope").code != 0
    git(repo, "checkout", "--quiet", ".")
    write(repo / "t.json", "{}")
    assert "has no place for data" in run_dvx(repo, "plots", "show", "-t", "t.json").err


def test_one_plot_that_cannot_be_drawn_leaves_the_others(repo: Path) -> None:
    write(repo / "b.csv", "epoch,acc\n0,1\n")
    write(repo / "t.json", "{}")
    file = repo / dialect_of(repo).pipeline
    write(file, file.read_text() + "    - b.csv: {cache: false, template: t.json, y: acc}\n")
    result = dvx(repo, "plots", "show")
    assert "workspace: the template has no place for data" in result.err
    assert "loss" in place(repo, result.out).read_text()


def test_plots_are_named_as_seen_from_where_one_stands(repo: Path) -> None:
    folder = repo / "sub"
    folder.mkdir()
    shown = json.loads(dvx(folder, "plots", "show", "../a.csv", "--json").out)
    assert list(shown["data"]) == ["../a.csv"]
    assert '"field": "loss"' in json.dumps(shown["data"])


@needs_browser
def test_experiments_have_a_page(repo: Path) -> None:
    write(repo / "params.yaml", "lr: 1\n")
    write(repo / "m.json", '{"acc": 0.5}')
    file = repo / dialect_of(repo).pipeline
    write(file, file.read_text() + "    params: [lr]\n    metrics: [{m.json: {cache: false}}]\n")
    commit_all(repo)
    for number in (2, 3):
        write(repo / "m.json", f'{{"acc": 0.{number}}}')
        write(repo / "params.yaml", f"lr: {number}  # </script>\n")
        dvx(repo, "exp", "save", "-n", f"e{number}")
    dvx(repo, "exp", "run", "--queue", "-n", "later")
    printed = dvx(repo, "exp", "show", "--html").out.strip().splitlines()[-1]
    page = repo / f"{dialect_of(repo).name}_plots/experiments.html"
    assert printed == page.resolve().as_uri()
    found = drawn(page)
    assert "data-failed" not in found
    rows = found.split('<tbody id="rows">')[1].split("</tbody>")[0]
    assert rows.count("<tr") == 5
    assert all(name in rows for name in ("workspace", "e2", "e3", "later"))
    assert '<span class="state">queued</span>' in rows
    # parallel coordinates, two columns, and the plot of what is selected
    assert found.count("<canvas") == 3
    assert 'src="http' not in found


@needs_browser
def test_experiments_are_filtered_and_compared(repo: Path) -> None:
    write(repo / "params.yaml", "train: {lr: 1, opt: adam}\ntest: {lr: 5}\nseed: 7\n")
    file = repo / dialect_of(repo).pipeline
    write(file, file.read_text() + "    params: [train, test, seed]\n")
    commit_all(repo)
    for number, optimizer in ((2, "sgd"), (3, "adam")):
        write(repo / "params.yaml", f"train: {{lr: {number}, opt: {optimizer}}}\ntest: {{lr: 5}}\nseed: 7\n")
        dvx(repo, "exp", "save", "-n", f"e{number}")
    dvx(repo, "exp", "show", "--html", "-o", "site")
    page = repo / "site/experiments.html"
    text = page.read_text()

    def seen(typed: str) -> tuple[str, str, list[str]]:
        write(page, text.replace('<input id="filter"', f'<input value="{typed}" id="filter"'))
        found = drawn(page)
        assert "data-failed" not in found
        rows = re.findall(r"<td title=[^>]*>([^<]*)</td>", found.split('<tbody id="rows">')[1].split("</tbody>")[0])
        return found, html.unescape(re.findall(r'role="status">([^<]*)<', found)[0]), rows

    found, problem, rows = seen("")
    assert (problem, sorted(rows)[:2]) == ("", ["e2", "e3"])
    # what is the same everywhere is left out, and what is text is drawn, too
    assert re.findall(r'<th class="params"[^>]*>([^<]*)<', found) == ["train.lr", "train.opt"]
    assert found.count("<canvas") == 3
    # a picture of each of the three that are selected at first
    assert found.count('<img src="static/') == 3
    assert seen("opt=sgd")[1:] == ("", ["e2"])
    assert seen("opt!=sgd train.lr&gt;=3")[1:] == ("", ["workspace", "e3"])
    assert seen("seed=7 e2")[1:] == ("", ["e2"])
    found, problem, rows = seen("lr&lt;2 nope=1 e")
    assert problem == "lr may be train.lr or test.lr; no column nope"
    assert {"e2", "e3"} < set(rows)


def test_a_repository_opens_no_browser(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", f"touch {tmp_path}/canary %s")
    place = repo / dialect_of(repo).folder / "config"
    place.write_text(place.read_text() + "[plots]\n    auto_open = true\n")
    assert run_process(repo, "dvx", "plots", "show").code == 0
    assert run_process(repo, "dvx", "exp", "show", "--html").code == 0
    assert not (tmp_path / "canary").exists()
    assert "plots.auto_open = true" in dvx(repo, "trust", "--list").out
    dvx(repo, "trust", "--yes")
    assert run_process(repo, "dvx", "plots", "show").code == 0
    assert (tmp_path / "canary").exists()
    (tmp_path / "canary").unlink()
    dvx(repo, "trust", "--revoke")
    dvx(repo, "config", "--global", "plots.auto_open", "true")
    assert run_process(repo, "dvx", "plots", "show").code == 0
    assert not (tmp_path / "canary").exists()
    dvx(repo, "config", "plots.auto_open", "true")
    assert run_process(repo, "dvx", "plots", "show").code == 0
    assert (tmp_path / "canary").exists()
