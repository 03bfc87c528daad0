"""artifacts get: what a pipeline file gives a name to, in a version or stage that Git tags name as GTO does."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from dvx.errors import UnknownTarget, UsageError, nearest
from dvx.git.clones import tags
from dvx.model.paths import join
from dvx.model.tracked.origin import Origin
from dvx.ops.imports.get import opened
from dvx.ops.sources.repositories import repository_of
from dvx.ops.tracked.index import load_index

_NAME = re.compile(r"(?:(?P<folder>[^:]*?)(?:/?dvc\.yaml|/?dvx\.yaml)?:)?(?P<name>[a-z0-9-/]+)")
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


class WantedArtifact(Struct, frozen=True):
    """An artifact by the folder of its pipeline file (empty for the top) and its name; of a version, or now in a stage."""

    folder: str
    name: str
    version: str = ""
    stage: str = ""


def parse_artifact(text: str, version: str, stage: str) -> WantedArtifact:
    """Read `NAME` or `FOLDER/dvc.yaml:NAME`; raises UsageError."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise UsageError(f"`{text}` is no name of an artifact", "write `NAME` or `FOLDER/dvc.yaml:NAME`")
    if version and stage:
        raise UsageError("`--rev` and `--stage` exclude each other", "a stage has one version at a time")
    return WantedArtifact((found["folder"] or "").strip("/"), found["name"], version, stage)


def choose_tag(wanted: WantedArtifact, names: Iterable[str]) -> str:
    """The Git tag that says which commit is meant: the version, what is in the stage now, or the latest version. Empty without.

    Tags are `NAME@v1.2.3` for versions and `NAME#stage#N` for stages, the highest N being the last; in a folder `FOLDER=NAME...`.
    """
    prefix = f"{wanted.folder}={wanted.name}" if wanted.folder else wanted.name
    mine = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    if wanted.stage:
        start = f"#{wanted.stage}#"
        numbers = _numbers(mine, start)
        # `!` takes it out of the stage again
        left = _numbers(mine, f"#{wanted.stage}!#")
        return f"{prefix}{start}{max(numbers)}" if numbers and max(numbers) > max(left, default=0) else ""
    gone = {one.removesuffix("!") for one in mine if one.endswith("!")}
    versions = [one for one in mine if one.startswith("@") and _VERSION.fullmatch(one[1:]) and one not in gone]
    if wanted.version:
        return next((prefix + one for one in versions if one[1:].lstrip("v") == wanted.version.lstrip("v")), "")
    return prefix + max(versions, key=lambda one: _order(one[1:])) if versions else ""


def _numbers(tags: Iterable[str], start: str) -> list[int]:
    return [int(rest) for one in tags if one.startswith(start) and (rest := one.removeprefix(start)).isdecimal()]


def find_artifact(cwd: str, origin: Origin, wanted: WantedArtifact) -> Origin:
    """The path and revision of an artifact in the repository of `origin`, whose own path and revision do not matter.

    Raises:
        UnknownTarget: there is no such artifact, version or stage.
        GitError: the repository cannot be read.
    """
    tag = choose_tag(wanted, tags(cwd, repository_of(origin.url, cwd)))
    if not tag and (wanted.version or wanted.stage):
        what = f"version `{wanted.version}`" if wanted.version else f"stage `{wanted.stage}`"
        raise UnknownTarget(f"the artifact `{wanted.name}` has no {what}", "`git tag` shows those that were registered")
    revision = Origin(origin.url, wanted.folder or ".", tag, config=origin.config, remote=origin.remote)
    with opened(cwd, revision) as (project, inner):
        index = load_index(project)
        pipeline = index.pipelines.get(join(inner, project.dialect.pipeline))
        known = pipeline.artifacts if pipeline is not None else {}
        if wanted.name not in known:
            hint = nearest(wanted.name, known) or f"artifacts stand under `artifacts` in `{project.dialect.pipeline}`"
            raise UnknownTarget(f"`{origin.url}` has no artifact `{wanted.name}`", hint)
        path = join(wanted.folder, str(known[wanted.name]["path"]))
    return Origin(origin.url, path, tag, config=origin.config, remote=origin.remote)


def _order(version: str) -> tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]:
    """The order of versions (source: semver.org, 2.0.0): one with a pre-release is before the one without."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (0, 0, 0, 0, ())
    parts = found[4].split(".") if found[4] else []
    ranks = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
    return (int(found[1]), int(found[2]), int(found[3]), 0 if parts else 1, ranks)
