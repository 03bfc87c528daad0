"""What the shell offers after Tab where a value has parts or depends on other words: parameters, options, fields of plots."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import typer

from dvx.cli.session import SESSION
from dvx.cli.setup import complete
from dvx.cli.setup.complete import beginning, offer, one_of
from dvx.config import Config, environment
from dvx.errors import DvxError
from dvx.model.imports.database import FORMATS
from dvx.model.setup.options import ANY_REMOTE, DATABASE, REACHED, REMOTES, SECTIONS, Option, ValueKind
from dvx.model.setup.settings import options_of
from dvx.project import Project

DEFAULT_PARAMS = "params.yaml"
_PREFIXES = ("++", "+", "~")
_SCHEMES = tuple(f"{scheme}://" for scheme in REACHED if scheme)
_FEW_WORDS = {ValueKind.FLAG: ("true", "false"), ValueKind.LINKS: ("reflink", "hardlink", "symlink", "copy")}

encodings = one_of("utf-8", "latin-1", "cp1252", "utf-16", "ascii")
orders = one_of("asc", "desc")
no_or_all = one_of("no", "all")
result_formats = one_of(*FORMATS)
plot_properties = one_of("header", "template", "title", "x", "x-label", "y", "y-label")


def overrides(incomplete: str) -> list[str]:
    """`KEY=` and `FILE:KEY=` for `exp run -S`; behind the `=`, the value that the parameter has."""
    prefix = next((one for one in _PREFIXES if incomplete.startswith(one)), "")
    return [prefix + one for one in _overrides(prefix, incomplete.removeprefix(prefix))]


def parameters(incomplete: str) -> list[str]:
    """`KEY`, `KEY,KEY`, `FILE:KEY` and `FILE:` for `stage add -p`."""
    before, comma, _ = incomplete.rpartition(",")
    file, colon, _ = before.partition(":")

    @offer
    def following(project: Project) -> Iterable[str]:
        for path, values in _params(project).items():
            if comma:
                if path == (file if colon else DEFAULT_PARAMS):
                    yield from (f"{before},{key}" for key in values)
                continue
            begin = _before(path, incomplete)
            yield from ([begin] if begin else [])
            yield from (begin + key for key in values)

    return following(incomplete)


@offer
def param_files(project: Project) -> Iterable[str]:
    """Files of parameters."""
    return _params(project)


@offer
def metric_files(project: Project) -> Iterable[str]:
    """Files of metrics."""
    from dvx.ops.compare.choices import metrics

    return [project.shown(path) for path in metrics(project)]


@offer
def columns(project: Project) -> Iterable[str]:
    """The columns of `exp show`: metrics and parameters."""
    from dvx.ops.compare.choices import metrics

    return [key for values in (*metrics(project).values(), *_params(project).values()) for key in values]


@offer
def plots(project: Project) -> Iterable[str]:
    """Plots, by file or name."""
    from dvx.ops.compare.choices import plots

    return [*plots(project), *map(project.shown, plots(project))]


def plot_fields(ctx: typer.Context, incomplete: str) -> list[str]:
    """The fields of the data of the plots that are named before, of all plots without any."""
    words = ctx.params.get("targets") or ctx.params.get("target") or ()
    named = [words] if isinstance(words, str) else [str(word) for word in words]

    @offer
    def found(project: Project) -> Iterable[str]:
        from dvx.ops.compare.choices import fields

        return fields(project, [project.relative(name) for name in named])

    return found(incomplete)


@offer
def templates(project: Project) -> Iterable[str]:
    """Templates of plots: dvx's own, and those in the project's folder."""
    folder = os.path.join(project.root, project.dialect.folder, "plots")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [*own_templates(""), *(name.removesuffix(".json") for name in names)]


def own_templates(incomplete: str) -> list[str]:
    """The templates of plots that dvx has."""
    from dvx.model.compare.plot_templates import TEMPLATES

    return beginning(incomplete, TEMPLATES)


def urls(incomplete: str) -> list[str]:
    """The beginnings of URLs, once something is typed: folders are remotes, too."""
    return beginning(incomplete, _SCHEMES) if incomplete else []


def sources(incomplete: str) -> list[str]:
    """The beginnings of URLs that data comes from, those of remotes among them."""
    return beginning(incomplete, (*_SCHEMES, *(f"remote://{name}/" for name in _urls()))) if incomplete else []


def option_names(incomplete: str) -> list[str]:
    """`SECTION.OPTION`, `remote.NAME.OPTION` and `db.NAME.OPTION`."""
    named = (f"remote.{name}.{option}" for name, url in _urls().items() for option in _options_at(url))
    plain = (f"{section}.{option}" for section in SECTIONS for option in options_of(section, _algorithms()))
    databases = (f"db.{name}.{option}" for name in complete.databases("") for option in DATABASE)
    return beginning(incomplete, (*plain, *named, *databases))


def option_values(ctx: typer.Context, incomplete: str) -> list[str]:
    """The values that an option may have, if they are few."""
    words = str(ctx.params.get("name") or "").lower().split(".")
    if words[:1] == ["remote"]:
        return _values(_options_at(_urls().get(".".join(words[1:-1]), "")).get(words[-1]), incomplete)
    if words == ["core", "remote"]:
        return complete.remotes(incomplete)
    known = options_of(words[0], _algorithms()) if words[0] in SECTIONS else {}
    return _values(known.get(words[-1]), incomplete)


def remote_options(ctx: typer.Context, incomplete: str) -> list[str]:
    """The options that the named remote may have."""
    return beginning(incomplete, _options_at(_urls().get(str(ctx.params.get("name")).lower(), "")))


def remote_values(ctx: typer.Context, incomplete: str) -> list[str]:
    """The values that an option of a remote may have, if they are few."""
    return _values(ANY_REMOTE.get(str(ctx.params.get("option")).lower()), incomplete)


def _before(path: str, incomplete: str) -> str:
    """What stands before the keys of a file: nothing for the default one, unless it is typed."""
    return "" if path == DEFAULT_PARAMS and not incomplete.startswith(f"{path}:") else f"{path}:"


def _overrides(prefix: str, incomplete: str) -> list[str]:
    @offer
    def found(project: Project) -> Iterable[str]:
        for path, values in _params(project).items():
            begin = _before(path, incomplete)
            for key, value in values.items():
                if "=" not in incomplete:
                    yield begin + key + ("" if prefix == "~" else "=")
                elif isinstance(value, bool | int | float | str):
                    yield f"{begin}{key}={str(value).lower() if isinstance(value, bool) else value}"

    return found(incomplete)


def _params(project: Project) -> dict[str, dict[str, Any]]:
    """Parameters by file, as it is called from here, and key."""
    from dvx.ops.compare.choices import params

    found = params(project, project.relative(DEFAULT_PARAMS))
    return {project.shown(path): {key: value for key, value in values.items() if key} for path, values in found.items()}


def _algorithms() -> tuple[str, ...]:
    return SESSION.get().here()[1].algorithms


def _urls() -> dict[str, str]:
    root, dialect = SESSION.get().here()
    try:
        return Config.read(root, dialect, environment()).remotes()
    except (DvxError, OSError):
        return {}


def _options_at(url: str) -> Mapping[str, Option]:
    return REMOTES.get(url.partition("://")[0].lower() if "://" in url else "", REMOTES[""])


def _values(option: Option | None, incomplete: str) -> list[str]:
    return [] if option is None else beginning(incomplete, _FEW_WORDS.get(option.kind, option.choices))
