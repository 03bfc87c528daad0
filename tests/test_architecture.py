"""dvx keeps the rules of docs/architecture.md, and each rule finds a deliberate violation."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from tests import architecture
from tests.architecture import MOST_MODULES, ROOMS, RULES, Rule, cycle, import_graph, load, parse
from tests.helpers import ROOT

MODULES = load(ROOT)
# what a rule would forbid and a reader should know of: (rule, module) -> words that its finding holds
EXCEPTIONS = {
    ("shape", "dvx.cli.common"): "takes `**values`",  # typer calls a command by keyword
    ("shape", "dvx.store.backends.s3_client"): "takes `**_`",  # so does botocore with what hears of its events
    ("shape", "dvx.store.backends.origins"): "takes `**_`",
    ("shape", "dvx.cli.main"): "catches everything",  # where a bug becomes a message and a log
}


VIOLATIONS: list[tuple[Rule, str, str]] = [
    (architecture.imports_are_absolute, "dvx.ops.data.add", "from . import track"),
    (architecture.imports_are_absolute, "dvx.ops.data.add", "from .track import store"),
    (architecture.imports_point_left, "dvx.model.tree", "from dvx.store import files"),
    (architecture.imports_point_left, "dvx.store.cache", "from dvx.project import Project"),
    (architecture.imports_point_left, "dvx.store.cache", "from dvx import project"),
    (architecture.imports_point_left, "dvx.store.cache", "import dvx.git"),
    (architecture.imports_point_left, "dvx.shell", "def f():\n    from dvx.store import files"),
    (architecture.imports_point_left, "dvx.ops.data.add", "from dvx.cli import render"),
    (architecture.imports_point_left, "dvx.ops.data.add", "from dvx import api"),
    (architecture.imports_point_left, "dvx.errors", "from dvx.model import digest"),
    (architecture.imports_point_left, "dvx.helpers", ""),
    (architecture.rooms_point_left, "dvx.ops.tracked.index", "from dvx.ops.workspace.observe import look"),
    (architecture.rooms_point_left, "dvx.ops.data.status", "def f():\n    from dvx.ops.imports import status"),
    (architecture.rooms_point_left, "dvx.ops.transfer.pull", "from dvx.ops import imports"),
    (architecture.rooms_point_left, "dvx.ops.attic.chest", ""),
    (architecture.rooms_point_left, "dvx.ops.chest", ""),
    (architecture.model_is_pure, "dvx.model.tree", "import os"),
    (architecture.model_is_pure, "dvx.model.tree", "import os.path"),
    (architecture.model_is_pure, "dvx.model.tree", "from pathlib import Path"),
    (architecture.model_is_pure, "dvx.model.tree", "from time import time"),
    (architecture.model_is_pure, "dvx.model.tree", "def f(p):\n    return open(p)"),
    (architecture.libraries_have_one_owner, "dvx.ops.data.add", "import yaml"),
    (architecture.libraries_have_one_owner, "dvx.cli.data.track", "from tabulate import tabulate"),
    (architecture.libraries_have_one_owner, "dvx.store.cache", "def f():\n    import filelock"),
    (architecture.libraries_have_one_owner, "dvx.store.cache", "import requests"),
    (architecture.slow_libraries_wait, "dvx.git", "import git"),
    (architecture.slow_libraries_wait, "dvx.store.remotes.remote", "try:\n    import s3fs\nexcept ImportError:\n    pass"),
    (architecture.slow_libraries_wait, "dvx.store.remotes.remote", "class A:\n    from asyncio import run"),
    (architecture.one_door, "dvx.ops.data.add", "import shutil"),
    (architecture.one_door, "dvx.ops.data.add", "from os import replace"),
    (architecture.one_door, "dvx.ops.data.add", "from tempfile import mkstemp"),
    (architecture.one_door, "dvx.ops.data.add", "import tempfile\ntempfile.mkdtemp()"),
    (architecture.one_door, "dvx.ops.data.add", "open(p, 'w')"),
    (architecture.one_door, "dvx.ops.data.add", "open(p, mode='ab')"),
    (architecture.one_door, "dvx.ops.data.add", "open(p, 'r+b')"),
    (architecture.one_door, "dvx.ops.data.add", "open(p, how)"),
    (architecture.one_door, "dvx.ops.data.add", "os.open(p, os.O_RDONLY | os.O_CREAT)"),
    (architecture.one_door, "dvx.ops.data.add", "os.rename(a, b)"),
    (architecture.one_door, "dvx.ops.data.add", "os.unlink(a)"),
    (architecture.one_door, "dvx.ops.data.add", "os.mkdir(a)"),
    (architecture.one_door, "dvx.ops.data.add", "os.chmod(a, 0o444)"),
    (architecture.one_door, "dvx.ops.data.add", "os.link(a, b)"),
    (architecture.one_door, "dvx.ops.data.add", "p.write_text('x')"),
    (architecture.databases_have_their_place, "dvx.ops.data.add", "import sqlite3"),
    (architecture.databases_have_their_place, "dvx.ops.data.add", "from subprocess import run"),
    (architecture.databases_have_their_place, "dvx.store.cache", "import pickle"),
    (architecture.only_cli_speaks, "dvx.ops.data.add", "print('x')"),
    (architecture.only_cli_speaks, "dvx.ops.data.add", "sys.exit(1)"),
    (architecture.only_cli_speaks, "dvx.ops.data.add", "sys.stderr.write('x')"),
    (architecture.only_cli_speaks, "dvx.ops.data.add", "input()"),
    (architecture.one_screen, "dvx.cli.terminal.render", "print('x')"),
    (architecture.one_screen, "dvx.cli.data.track", "typer.echo('x')"),
    (architecture.one_screen, "dvx.cli.data.track", "typer.confirm('x')"),
    (architecture.one_screen, "dvx.cli.data.track", "sys.stdout.write('x')"),
    (architecture.one_screen, "dvx.cli.data.track", "sys.stderr.buffer.write(b'x')"),
    (architecture.the_world_is_passed, "dvx.ops.data.add", "os.environ['HOME']"),
    (architecture.the_world_is_passed, "dvx.cli.data.track", "os.getenv('HOME')"),
    (architecture.the_world_is_passed, "dvx.ops.data.add", "os.getcwd()"),
    (architecture.the_world_is_passed, "dvx.cli.data.track", "os.chdir('x')"),
    (architecture.shape, "dvx.ops.data.add", "x = 1"),
    (architecture.shape, "dvx.ops.data.add", '"""A module."""\n' + "x = 1\n" * 300),
    (architecture.shape, "dvx.ops.data.add", '"""A module."""\ndef f(**kwargs): ...'),
    (architecture.shape, "dvx.ops.data.add", '"""A module."""\ntry:\n    f()\nexcept Exception:\n    pass'),
    (architecture.shape, "dvx.ops.data.add", '"""A module."""\ntry:\n    f()\nexcept:\n    g()'),
]
ALLOWED: list[tuple[Rule, str, str]] = [
    (architecture.imports_point_left, "dvx.store.cache", "from dvx.store.files import read\nfrom dvx.model.tree import Tree"),
    (architecture.imports_point_left, "dvx.cli.main", "import dvx\nfrom dvx.ops.data.add import add"),
    (
        architecture.rooms_point_left,
        "dvx.ops.upkeep.gc",
        "from dvx.ops.tracked import reach\nfrom dvx.ops.upkeep import gc_remote",
    ),
    (architecture.model_is_pure, "dvx.model.tree", "import json\nfrom pathlib import PurePosixPath"),
    (architecture.model_is_pure, "dvx.ops.data.add", "import os"),
    (architecture.libraries_have_one_owner, "dvx.cli.data.track", "import typer\nimport json"),
    (architecture.slow_libraries_wait, "dvx.git.process", "def f():\n    import git"),
    (architecture.slow_libraries_wait, "dvx.git.process", "if TYPE_CHECKING:\n    import git"),
    (architecture.one_door, "dvx.store.files", "import shutil\nos.rename(a, b)\nopen(p, 'w')"),
    (architecture.one_door, "dvx.ops.data.add", "open(p)\nopen(p, 'rb')\nos.open(p, os.O_RDONLY)\n'a'.replace('a', 'b')"),
    (architecture.one_door, "dvx.cli.main", "import tempfile\ntempfile.gettempdir()"),
    (architecture.only_cli_speaks, "dvx.cli.terminal.render", "print(sys.stdout)"),
    (architecture.one_screen, "dvx.cli.terminal.screen", "print('x')"),
    (architecture.one_screen, "dvx.cli.terminal.render", "screen.confirm('x')\nsys.stdout.isatty()"),
    (architecture.the_world_is_passed, "dvx.config", "os.environ"),
    (architecture.shape, "dvx.ops.data.add", '"""A module."""\ntry:\n    f()\nexcept BaseException:\n    g()\n    raise'),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_dvx_keeps_the_rule(rule: Rule) -> None:
    found = []
    for module in MODULES:
        excepted = EXCEPTIONS.get((rule.__name__, module.name))
        found += [f"{module.name}: {finding}" for finding in rule(module) if excepted is None or excepted not in finding]
    assert found == []


@pytest.mark.parametrize(("rule", "name"), EXCEPTIONS)
def test_each_exception_is_still_needed(rule: str, name: str) -> None:
    check = next(candidate for candidate in RULES if candidate.__name__ == rule)
    module = next(module for module in MODULES if module.name == name)
    assert any(EXCEPTIONS[rule, name] in finding for finding in check(module))


@pytest.mark.parametrize(("rule", "name", "text"), VIOLATIONS)
def test_a_violation_is_found(rule: Rule, name: str, text: str) -> None:
    assert list(rule(parse(name, text)))


@pytest.mark.parametrize(("rule", "name", "text"), ALLOWED)
def test_what_is_right_is_left_alone(rule: Rule, name: str, text: str) -> None:
    assert list(rule(parse(name, text))) == []


def test_every_rule_has_a_violation() -> None:
    assert {rule for rule, _, _ in VIOLATIONS} == set(RULES)


def test_modules_do_not_import_each_other_in_circles() -> None:
    assert cycle(import_graph(MODULES)) == ()


def test_rooms_are_small_enough_to_look_around() -> None:
    names = [module.name for module in MODULES]
    sizes = Counter(name.rpartition(".")[0] for name in names if not any(other.startswith(f"{name}.") for other in names))
    assert {folder: size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_each_room_says_what_it_is_for() -> None:
    folders = {module.name.rpartition(".")[0] for module in MODULES} - {""}
    said = {module.name: ast.get_docstring(module.tree) or "" for module in MODULES if module.name in folders}
    assert {name for name, text in said.items() if not re.match(r".{20,}\.$", text, re.MULTILINE)} == set()
    assert folders == set(said)
    assert set(ROOMS) == {name.split(".")[2] for name in folders if name.startswith("dvx.ops.")}


def test_a_circle_is_found() -> None:
    modules = (parse("dvx.ops.a", "from dvx.ops.b import x"), parse("dvx.ops.b", "def f():\n    from dvx.ops import a"))
    assert cycle(import_graph(modules)) == ("dvx.ops.a", "dvx.ops.b", "dvx.ops.a")


def test_the_whole_package_was_read() -> None:
    assert {"dvx", "dvx.errors", "dvx.model.digest", "dvx.store.files", "dvx.cli.main"} <= {module.name for module in MODULES}
