"""What an experiment's commit holds beside what Git tracks, and what is said of that which it lacks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from dvx.git import Extra, Git
from dvx.git.submodules import submodule_of
from dvx.model.dialect import DIALECTS
from dvx.model.events import Notice, Tell
from dvx.model.paths import ancestors, is_outside, join, listed, parent, within
from dvx.ops.pipelines.overrides import DEFAULT_PARAMS
from dvx.ops.tracked.index import Index
from dvx.project import Project

_FOLDERS = frozenset(dialect.folder for dialect in DIALECTS)
_PRIVATE = frozenset({"config.local", "tmp", "cache"})


def extra_of(project: Project, git: Git, index: Index, included: Sequence[str] = ()) -> Extra:
    """The project's own files that nobody gave to Git, and those that are `included` by name, even where Git ignores them.

    Of an included folder that Git does not ignore, its ignored files stay out. Never in Git are the data that the cache has,
    and the private part of dvx's own folder, also that of another project.
    """
    own, declared = _own_files(project, index), _inside(_declared(index))
    chosen = [path for path in (*declared, *included) if not _is_cached(index, path)]
    hidden = git.ignored(path for path in included if path in chosen)
    files = [file for path in hidden for file in git.others(path)]
    suffix = project.dialect.pointer_suffix
    # nobody reads the pointers in a folder that Git ignores, but what they track is data
    data = {file.removesuffix(suffix) for file in files if file.endswith(suffix)}
    private = {file for file in files if within(file, project.dialect.folder) or _is_private(file)}
    public = [file for file in files if not _is_cached(index, file) and file not in private]
    forced = [file for file in public if data.isdisjoint((file, *ancestors(file)))]
    return Extra(tuple(dict.fromkeys((*own, *chosen))), tuple(dict.fromkeys(forced)))


def tell_absent(git: Git, index: Index, extra: Extra, tell: Tell) -> None:
    """Say which dependencies, metrics and plots the experiment lacks because Git does not know them, or ignores them."""
    named = _inside({dep for stage in index.stages.values() for dep in stage.deps})
    held = {*extra.paths, *extra.ignored}
    loose = [dep for dep in sorted(named) if index.owner_of(dep) is None and held.isdisjoint((dep, *ancestors(dep)))]
    missing = sorted(set(loose) - git.tracked(loose) - git.ignored(loose))
    # with the commit of a submodule its files are held
    missing = [path for path in missing if not submodule_of(git, path)]
    if missing:
        text = f"the experiment does not hold {listed(missing)}, which Git does not track"
        tell(Notice(text, "`git add` them before the next run"))
    shown = [path for path in _inside(_declared(index)) if index.owner_of(path) is None and path not in extra.ignored]
    hidden = sorted(git.ignored(shown) - git.tracked(shown))
    if hidden:
        hint = "take them out of `.gitignore`, or name them: `dvx exp save -I FILE`"
        tell(Notice(f"the experiment does not hold {listed(hidden)}, which Git ignores", hint))


def _own_files(project: Project, index: Index) -> list[str]:
    """What describes the project, and what its stages write for Git to keep."""
    dialect = project.dialect
    folders = {"", *(parent(tracked.output.path) for tracked in index.tracked)}
    found = [dialect.ignore, f"{dialect.folder}/config", f"{dialect.folder}/.gitignore", DEFAULT_PARAMS]
    found += [*index.pointers, *index.pipelines, *index.locks]
    found += [join(folder, ".gitignore") for folder in sorted(folders)]
    found += [file.path for stage in index.stages.values() for file in stage.params]
    found += [path for pipeline in index.pipelines.values() for path in pipeline.used]
    found += [tracked.output.path for tracked in index.tracked if not tracked.output.cached]
    return _inside(found)


def _declared(index: Index) -> list[str]:
    """The params, metrics and plots at the top of pipeline files."""
    pipelines = index.pipelines.values()
    return [path for one in pipelines for path in (*one.params_files, *one.metrics, *one.plot_files)]


def _is_cached(index: Index, path: str) -> bool:
    owner = index.owner_of(path)
    return owner is not None and owner.output.cached


def _is_private(path: str) -> bool:
    """Whether that is what the `.gitignore` in a folder of dvx's own names."""
    return any(folder in _FOLDERS and name in _PRIVATE for folder, name in itertools.pairwise(path.split("/")))


def _inside(paths: Iterable[str]) -> list[str]:
    return [path for path in dict.fromkeys(paths) if not is_outside(path)]
