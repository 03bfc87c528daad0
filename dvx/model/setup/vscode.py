"""What VS Code is told of a project: tasks, settings and recommendations, as values to be put into its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dvx.model.dialect import Dialect
from dvx.model.setup.json_schema import FileKind

FOLDER = ".vscode"
TASKS, SETTINGS, EXTENSIONS = f"{FOLDER}/tasks.json", f"{FOLDER}/settings.json", f"{FOLDER}/extensions.json"
SCHEMAS = {kind: f"{FOLDER}/dvx/{kind}.schema.json" for kind in (FileKind.PIPELINE, FileKind.POINTER, FileKind.LOCK)}
_YAML_EXTENSION = "redhat.vscode-yaml"
_INPUT = "dvxStage"
_MATCHER = {
    "owner": "dvx",
    "source": "dvx",
    "fileLocation": ["autoDetect", "${workspaceFolder}"],
    "pattern": {
        "regexp": r"^(.+?):(\d+)(?::(\d+))?: (error|note): (.*)$",
        "file": 1,
        "line": 2,
        "column": 3,
        "severity": 4,
        "message": 5,
    },
}
_TASKS = {
    "repro": "Run the stages whose inputs changed",
    "repro ${input:dvxStage}": "Run one stage and what it needs",
    "pull": "Get data from the remote",
    "push": "Send data to the remote",
    "status": "Show what changed in data and pipelines",
    "exp run": "Run an experiment in the workspace and record it",
    "exp show --html --open": "Show experiments as a page",
    "queue start": "Run the experiments that are queued",
}


class WantedSetting(Struct, frozen=True):
    """A value at `path` in `file`; with `key`, an item of the list there, of which the user may change what is `kept`."""

    file: str
    path: tuple[str, ...]
    value: Any
    key: str | None = None
    kept: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How a message calls it."""
        if self.key is None:
            return ".".join(self.path)
        return f"{self.path[-1]}: {self.value[self.key] if self.key else self.value}"


class Facts(Struct, frozen=True):
    """What the values depend on: addresses of stages, the command that is dvx, the cache's folder if it is inside, and what the
    files say already.
    """

    dialect: Dialect
    stages: Sequence[str]
    command: str
    cache: str
    found: Mapping[str, Any]


def wanted(facts: Facts) -> Iterator[WantedSetting]:
    """Everything that the files should say."""
    yield from _tasks(facts)
    yield from _settings(facts)
    extensions = facts.found.get(EXTENSIONS) or {}
    if _YAML_EXTENSION not in (extensions.get("unwantedRecommendations") or ()):
        yield WantedSetting(EXTENSIONS, ("recommendations",), _YAML_EXTENSION, key="")


def _tasks(facts: Facts) -> Iterator[WantedSetting]:
    found = facts.found.get(TASKS) or {}
    if "version" not in found:
        yield WantedSetting(TASKS, ("version",), "2.0.0")
    others = [task for task in found.get("tasks") or () if isinstance(task, Mapping)]
    for words, detail in _TASKS.items():
        picks = _INPUT in words
        if picks and not facts.stages:
            continue
        task = {
            "label": "dvx: repro one stage" if picks else f"dvx: {words}",
            "detail": detail,
            "type": "shell",
            "command": facts.command,
            "args": words.split(" "),
            "problemMatcher": _MATCHER,
        }
        if words == "repro":
            default = not any(_is_default_build(other) for other in others)
            task["group"] = {"kind": "build", "isDefault": True} if default else "build"
        yield WantedSetting(TASKS, ("tasks",), task, "label", ("detail", "group"))
    if facts.stages:
        pick = {"id": _INPUT, "type": "pickString", "description": "The stage", "options": list(facts.stages)}
        yield WantedSetting(TASKS, ("inputs",), pick, "id", ("description",))


def _is_default_build(task: Mapping[str, Any]) -> bool:
    group = task.get("group")
    return isinstance(group, Mapping) and group.get("kind") == "build" and bool(group.get("isDefault"))


def _settings(facts: Facts) -> Iterator[WantedSetting]:
    dialect = facts.dialect
    names = {FileKind.PIPELINE: dialect.pipeline, FileKind.POINTER: f"*{dialect.pointer_suffix}", FileKind.LOCK: dialect.lock}
    for kind, name in names.items():
        yield WantedSetting(SETTINGS, ("yaml.schemas", f"./{SCHEMAS[kind]}"), [f"**/{name}"])
    languages = {
        names[FileKind.POINTER]: "yaml", dialect.lock: "yaml", dialect.ignore: "ignore",
        f"**/{dialect.folder}/config": "ini", f"**/{dialect.folder}/config.local": "ini",
    }  # fmt: skip
    for pattern, language in languages.items():
        yield WantedSetting(SETTINGS, ("files.associations", pattern), language)
    machinery = [f"**/{dialect.folder}/cache", f"**/{dialect.folder}/{dialect.state_folder}"]
    for folder in [*machinery, *([facts.cache] if facts.cache else [])]:
        yield WantedSetting(SETTINGS, ("files.watcherExclude", f"{folder}/**"), value=True)
        yield WantedSetting(SETTINGS, ("search.exclude", folder), value=True)
