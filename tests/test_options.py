"""Every option of the configuration and of the command line is used, or it is said why not."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from functools import cache

import pytest

from dvx.cli.commands import COMMANDS
from dvx.model.dialect import NATIVE
from dvx.model.setup.options import DATABASE, REACHED, REMOTES, SECTIONS, ValueKind
from dvx.model.setup.settings import options_of
from dvx.model.setup.unused_options import UNUSED
from dvx.store.remotes.schemes import SCHEMES, arguments
from tests.architecture import Module, load
from tests.helpers import ROOT

MODULES = {module.name: module for module in load(ROOT)}
# how many files are hashed at once: known, as files of DVC's have it, and to be used by a later change
LATER = {("core", "checksum_jobs"), ("remote", "checksum_jobs")}
_GETTERS = frozenset({"get", "flag", "number", "words"})
# they list options, and use none
_TABLES = frozenset(f"dvx.model.{name}" for name in ("options", "option_words", "power", "unused_options"))
# who takes the options of a remote apart, beside the module that reaches it
_OF_REMOTES = (
    "dvx.config.configuration",
    "dvx.ops.sources.connections",
    "dvx.store.remotes.remote",
    "dvx.store.remotes.versioned",
)
# what DVC is told, and what a callback has done before the command begins
_SAID_ANYWAY = {
    "exp_show": {"no_fetch": "DVC asks other processes for what runs, dvx looks into its registry"},
    "data_status": {"remote_refresh": "DVC remembers what remotes have, dvx asks them"},
    "git_hook_pre_commit": {"args": "Git's to hand over"},
    "git_hook_pre_push": {"args": "Git's to hand over"},
}
_SAID_TO_ALL = {"wait_for_lock": "dvx always does", **dict.fromkeys(("cd", "color", "version"), "its callback acts")}


def test_every_option_of_a_section_is_read_or_it_is_said_why_not() -> None:
    for section, options in {**SECTIONS, "core": options_of("core", NATIVE.algorithms)}.items():
        assert unread(section, options) == []
    assert unread("core", ["never_read"]) == ["never_read"]


def test_no_option_is_read_that_is_said_to_be_unused() -> None:
    said = {f"{section}.{option}" for section, option in (*UNUSED, *LATER)}
    assert said & _names_read() == set()


def test_every_option_of_a_database_is_read() -> None:
    assert set(DATABASE) - _words_of(MODULES["dvx.ops.imports.databases"]) == set()


@pytest.mark.parametrize("scheme", REACHED)
def test_every_option_of_a_remote_is_read_or_it_is_said_why_not(scheme: str) -> None:
    assert unread_of_remote(scheme, REMOTES[scheme]) == []
    assert unread_of_remote(scheme, ["never_read"]) == ["never_read"]


def test_what_is_said_to_be_unused_exists() -> None:
    known = {(section, option) for section, options in SECTIONS.items() for option in options}
    known |= {("remote", option) for scheme in REACHED for option in REMOTES[scheme]}
    assert UNUSED.keys() - known == set()


def test_every_option_of_a_command_is_used_or_it_is_said_why_not() -> None:
    for module, name, _ in COMMANDS.values():
        assert set(unused(_function(module, name))) == set(_SAID_ANYWAY.get(name, {})), name
    assert set(unused(_function("dvx.cli.common_options", "options"))) == set(_SAID_TO_ALL)
    assert unused(ast.parse("def f(a, *, b, c=1):\n    print(a, b)").body[0]) == ["c"]


def test_every_choice_that_commands_hand_on_is_looked_at() -> None:
    looked_at = {node.attr for module in MODULES.values() for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    fields = {
        f"{kind.name}.{line.target.id}"
        for module in MODULES.values()
        for kind in ast.walk(module.tree)
        if isinstance(kind, ast.ClassDef) and kind.name.endswith("Options")
        for line in kind.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }
    assert len(fields) > 100
    assert sorted(field for field in fields if field.partition(".")[2] not in looked_at) == []


def unread(section: str, options: Collection[str]) -> list[str]:
    """The options of a section that nothing reads, and of which nothing is said."""
    known = {name for name in _names_read() if name.startswith(f"{section}.")}
    said = {option for name, option in (*UNUSED, *LATER) if name == section}
    return sorted(option for option in options if f"{section}.{option}" not in known and option not in said)


def unread_of_remote(scheme: str, options: Collection[str]) -> list[str]:
    """The same for those of a kind of remote: what it is opened with has to differ by them, and whoever opens it to look."""
    said = {option for name, option in (*UNUSED, *LATER) if name == "remote"}
    words = {word for name in _OF_REMOTES for word in _words_of(MODULES[name])}
    return sorted(option for option in options if option not in said | words and not _has_effect(scheme, option))


def unused(function: ast.stmt) -> list[str]:
    """The parameters of a function that its body does not mention."""
    assert isinstance(function, ast.FunctionDef)
    named = {node.id for line in function.body for node in ast.walk(line) if isinstance(node, ast.Name)}
    taken = function.args
    return [each.arg for each in (*taken.args, *taken.kwonlyargs) if each.arg not in named]


def _has_effect(scheme: str, option: str) -> bool:
    kind = SCHEMES.get(scheme)
    if kind is None or option not in kind.options:
        return False
    # whoever hands all on to a library looks at no name
    opener = "" if kind.backend in ("fsspec_files", "s3") else kind.backend
    last = kind.options[option].rpartition(".")[2]
    looked_at = not opener or last in _words_of(MODULES[f"dvx.store.backends.{opener}"])
    return looked_at and arguments(kind, {option: _sample(REMOTES[scheme], option)}) != arguments(kind, {})


def _sample(options: Mapping[str, object], option: str) -> str:
    kind = getattr(options[option], "kind", ValueKind.TEXT)
    return {ValueKind.FLAG: "true", ValueKind.WHOLE: "1", ValueKind.NUMBER: "1"}.get(kind, "AAAA")


@cache
def _names_read() -> frozenset[str]:
    """The options that are asked for by their whole names."""
    return frozenset(_asked_for())


def _asked_for() -> Iterator[str]:
    for module in MODULES.values():
        for node in ast.walk(module.tree) if module.name not in _TABLES else ():
            if not isinstance(node, ast.Call):
                continue
            words = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in _GETTERS and words:
                yield words[0]
            if isinstance(node.func, ast.Name) and node.func.id == "OptionName" and len(words) == 3:
                yield ".".join(word for word in words if word)


@cache
def _words_of(module: Module) -> frozenset[str]:
    """What a module looks up: by `get` and `pop`, in brackets, with `in`, and the keys of its tables."""
    found: list[ast.expr | None] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            found += node.args[:1]
        elif isinstance(node, ast.Subscript):
            found.append(node.slice)
        elif isinstance(node, ast.Compare):
            found += [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            found += node.keys
        elif isinstance(node, ast.comprehension) and isinstance(node.iter, ast.Tuple):
            found += node.iter.elts
    return frozenset(each.value for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _function(module: str, name: str) -> ast.FunctionDef:
    found = [node for node in MODULES[module].tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[0]
