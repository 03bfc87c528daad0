"""The rules of docs/architecture.md as functions from one parsed module to what breaks them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LAYERS: dict[str, int] = {
    "": 0,
    "errors": 0,
    "model": 1,
    "store": 2,
    "formats": 2,
    "git": 2,
    "shell": 2,
    "journal": 2,
    "config": 3,
    "project": 4,
    "ops": 5,
    "cli": 6,
    "__main__": 7,
    "api": 6,
    "fs": 6,
}
# the rooms of `ops`: each imports only from those before it
ROOMS = (
    *("tracked", "workspace", "sources", "transfer", "stages", "data"),
    *("setup", "compare", "imports", "pipelines", "experiments", "upkeep"),
)
MOST_MODULES = 20
OWNERS = {
    "yaml": "dvx.formats",
    "ruamel": "dvx.formats",
    "tomlkit": "dvx.formats",
    "git": "dvx.git",
    "gitdb": "dvx.git",
    "fsspec": "dvx.store.backends",
    "s3fs": "dvx.store.backends.fsspec_files",
    "gcsfs": "dvx.store.backends.fsspec_files",
    "aiobotocore": "dvx.store.backends.fsspec_files",
    "aiohttp": "dvx.store.backends.fsspec_files",
    "botocore": "dvx.store.backends.s3_client",
    "azure": "dvx.store.backends.fsspec_files",
    "obstore": "dvx.store.backends.s3",
    "paramiko": "dvx.store.backends.sftp",
    "grandalf": "dvx.cli.terminal.layout",
    "hydra": "dvx.formats.hydra",
    "plotext": "dvx.cli.compare.plot_text",
    "omegaconf": "dvx.formats.hydra",
    "requests": "dvx.store.backends.http",
    "httpx": "dvx.store.backends.webdav",
    "webdav4": "dvx.store.backends.webdav",
    "xxhash": "dvx.model.digest",
    "blake3": "dvx.model.digest",
    "typer": "dvx.cli",
    "rich": "dvx.cli",
    "tabulate": "dvx.cli.terminal.render",
    "filelock": "dvx.store.files",
    "msgspec": "dvx",
    "platformdirs": "dvx.config",
    "sqlalchemy": "dvx.store.database",
    "pandas": "dvx.store.database",
}
SLOW = frozenset(
    {
        "asyncio",
        "fsspec",
        "s3fs",
        "gcsfs",
        "aiobotocore",
        "botocore",
        "git",
        "gitdb",
        "ruamel",
        "tomlkit",
        "tabulate",
        "rich",
        "filelock",
    }
    | {"platformdirs", "sqlalchemy", "pandas", "numpy"}
)
TOUCHES_THE_WORLD = frozenset({
    "asyncio", "concurrent", "ctypes", "fcntl", "getpass", "glob", "http", "io", "locale", "logging",
    "multiprocessing", "os", "pathlib", "platform", "pwd", "random", "secrets", "select", "shutil", "signal", "socket",
    "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
})  # fmt: skip
MUTATIONS = frozenset({
    "chmod", "chown", "copy_file_range", "fchmod", "fchown", "fdopen", "ftruncate", "lchown", "link", "makedirs",
    "mkdir", "mkfifo", "mknod", "posix_fallocate", "pwrite", "remove", "removedirs", "removexattr", "rename",
    "renames", "replace", "rmdir", "sendfile", "setxattr", "symlink", "truncate", "unlink", "utime", "write", "writev",
})  # fmt: skip
PATHLIB_MUTATIONS = frozenset(["hardlink_to", "symlink_to", "write_bytes", "write_text"])
OPEN_TO_WRITE = frozenset({"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"})
DOOR = "dvx.store.files"
SCREEN = "dvx.cli.terminal.screen"
_SPEAKING = frozenset({"echo", "secho", "echo_via_pager", "confirm", "prompt", "getpass", "print_exc", "print_exception"})
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its dotted name, text and syntax tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def unit(self) -> str:
        """The part of dvx that it belongs to: `model`, `store`..."""
        return unit_of(self.name)

    def below(self, owner: str) -> bool:
        """Whether it is `owner` or a module in it."""
        return self.name == owner or self.name.startswith(owner + ".")


Rule = Callable[[Module], Iterator[str]]


def parse(name: str, text: str) -> Module:
    """A module from its source text."""
    return Module(name, text, ast.parse(text))


def load(root: Path) -> tuple[Module, ...]:
    """Every module of the package in `root`."""
    found = []
    for path in sorted((root / "dvx").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(parse(name, path.read_text(encoding="utf-8")))
    return tuple(found)


def unit_of(name: str) -> str:
    """The second word of a dotted name."""
    return name.split(".")[1] if "." in name else ""


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module (for `from x import y`: `x.y`) and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def running_imports(tree: ast.AST, *, at_start: bool) -> Iterator[tuple[str, int]]:
    """Imports that run, so none for type checkers; with `at_start` those that run when the module is loaded."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if at_start and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def dotted(node: ast.AST) -> str:
    """`os.path.join` for the expression that says so; empty for others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def imports_are_absolute(module: Module) -> Iterator[str]:
    """No `from . import x`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import"


def imports_point_left(module: Module) -> Iterator[str]:
    """A layer imports layers to its left; units of one layer do not know each other."""
    own = LAYERS.get(module.unit)
    if own is None:
        yield f"`{module.unit}` is no layer of the architecture"
        return
    for name, line in imports(module.tree):
        if name.split(".")[0] != "dvx":
            continue
        unit = _imported_unit(name)
        if unit == module.unit and unit != "":
            continue
        if LAYERS.get(unit, 99) >= own and not (unit == "" and own > 0):
            yield f"line {line}: `{module.unit}` imports `{unit or name}`"


def rooms_point_left(module: Module) -> Iterator[str]:
    """A room of `ops` imports from the rooms before it; modules of `ops` stand in rooms."""
    if module.unit != "ops" or module.name == "dvx.ops":
        return
    own = module.name.split(".")[2]
    if own not in ROOMS:
        yield f"`{own}` is no room of `ops`"
        return
    for name, line in imports(module.tree):
        parts = name.split(".")
        if parts[:2] == ["dvx", "ops"] and parts[2:] and parts[2] in ROOMS and ROOMS.index(parts[2]) > ROOMS.index(own):
            yield f"line {line}: `{own}` imports `{parts[2]}`"


def _imported_unit(name: str) -> str:
    unit = unit_of(name)
    return "" if unit.startswith("__") else unit


def model_is_pure(module: Module) -> Iterator[str]:
    """`model` imports nothing that can touch the world; of pathlib only PurePosixPath."""
    if module.unit != "model":
        return
    for name, line in imports(module.tree):
        if name.split(".")[0] in TOUCHES_THE_WORLD and name != "pathlib.PurePosixPath":
            yield f"line {line}: model imports `{name}`"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and dotted(node.func) in ("open", "input", "exec", "eval", "__import__"):
            yield f"line {node.lineno}: model calls `{dotted(node.func)}`"


def libraries_have_one_owner(module: Module) -> Iterator[str]:
    """Each third-party library is imported by its owner only, and each has one."""
    for name, line in imports(module.tree):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top == "dvx":
            continue
        if top not in OWNERS:
            yield f"line {line}: `{top}` has no owner"
        elif not module.below(OWNERS[top]):
            yield f"line {line}: `{top}` belongs to {OWNERS[top]}"


def slow_libraries_wait(module: Module) -> Iterator[str]:
    """A slow library is imported at first use, inside a function; backends are modules that are loaded so."""
    if module.below("dvx.store.backends"):
        return
    for name, line in running_imports(module.tree, at_start=True):
        if name.split(".")[0] in SLOW:
            yield f"line {line}: `{name}` is loaded at start-up"


def one_door(module: Module) -> Iterator[str]:
    """Only `store.files` changes the file system."""
    if module.below(DOOR):
        return
    for name, line in imports(module.tree):
        top, _, rest = name.partition(".")
        if top == "shutil" or name.startswith("tempfile.") or (top == "os" and rest in MUTATIONS):
            yield f"line {line}: imports `{name}`"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (why := _mutates(node)):
            yield f"line {node.lineno}: {why}"


def _mutates(call: ast.Call) -> str:
    name = dotted(call.func)
    if name in ("open", "io.open") and not _reads(call):
        return "opens a file for writing"
    if name == "os.open" and _flags(call) & OPEN_TO_WRITE and dotted(call.args[0]) != "os.devnull":
        return "opens a file for writing"
    if (name.startswith("os.") and name[3:] in MUTATIONS) or (name.startswith("tempfile.") and name != "tempfile.gettempdir"):
        return f"calls `{name}`"
    if isinstance(call.func, ast.Attribute) and call.func.attr in PATHLIB_MUTATIONS:
        return f"calls `{call.func.attr}`"
    return ""


def _reads(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "mode")]
    return all(isinstance(mode, ast.Constant) and not set(str(mode.value)) & set("wax+") for mode in modes)


def _flags(call: ast.Call) -> frozenset[str]:
    return frozenset(node.attr for part in call.args[1:] for node in ast.walk(part) if isinstance(node, ast.Attribute))


def databases_have_their_place(module: Module) -> Iterator[str]:
    """SQLite is for what may be lost and for the journal, processes for Git and the shell."""
    places = {
        "sqlite3": ("dvx.store.stats", "dvx.store.rows", "dvx.journal"),
        "subprocess": ("dvx.git", "dvx.shell", "dvx.store.backends.openssh"),
        "pickle": (),
        "marshal": (),
    }
    for name, line in imports(module.tree):
        allowed = places.get(name.split(".")[0])
        if allowed is not None and not any(module.below(place) for place in allowed):
            yield f"line {line}: imports `{name}`"


def only_cli_speaks(module: Module) -> Iterator[str]:
    """Only `cli` prints, asks, exits or reads the command line."""
    if module.unit == "cli":
        return
    for node in ast.walk(module.tree):
        name = dotted(node)
        if isinstance(node, ast.Attribute) and name in (
            "sys.stdout",
            "sys.stderr",
            "sys.stdin",
            "sys.exit",
            "sys.argv",
            "os._exit",
        ):
            yield f"line {node.lineno}: uses `{name}`"
        if isinstance(node, ast.Call) and dotted(node.func) in ("print", "input", "exit", "quit", "warnings.warn"):
            yield f"line {node.lineno}: calls `{dotted(node.func)}`"


def one_screen(module: Module) -> Iterator[str]:
    """In `cli` only `screen` prints and asks: there what a terminal obeys is made visible."""
    if module.unit != "cli" or module.name == SCREEN:
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in ("print", "input", "os.write") or (name.rpartition(".")[2] in _SPEAKING and not name.startswith("screen.")):
            yield f"line {node.lineno}: calls `{name}`"
        if re.fullmatch(r"sys\.(?:__)?std(?:out|err)(?:__)?(?:\.buffer)?\.write(?:lines)?", name):
            yield f"line {node.lineno}: calls `{name}`"


def the_world_is_passed(module: Module) -> Iterator[str]:
    """Only `config` reads the environment, only `cli` asks where the user stands, nobody changes it."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute):
            continue
        name = dotted(node)
        if name in ("os.environ", "os.environb", "os.getenv", "os.putenv") and module.unit != "config":
            yield f"line {node.lineno}: reads the environment"
        if name == "os.getcwd" and module.unit != "cli":
            yield f"line {node.lineno}: asks for the current folder"
        if name in ("os.chdir", "os.fchdir", "contextlib.chdir"):
            yield f"line {node.lineno}: changes the current folder"


def shape(module: Module) -> Iterator[str]:
    """A docstring, postponed annotations, no long files, no `**kwargs`, no catch-all without a raise."""
    if not ast.get_docstring(module.tree):
        yield "has no docstring"
    lines = module.text.count("\n")
    if lines > LONGEST:
        yield f"has {lines} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.args.kwarg:
            yield f"line {node.lineno}: `{node.name}` takes `**{node.args.kwarg.arg}`"
        if isinstance(node, ast.ExceptHandler) and dotted(node.type or ast.Name("BaseException")) in (
            "Exception",
            "BaseException",
        ):
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):
                yield f"line {node.lineno}: catches everything"


RULES: tuple[Rule, ...] = (
    imports_are_absolute,
    imports_point_left,
    rooms_point_left,
    model_is_pure,
    libraries_have_one_owner,
    slow_libraries_wait,
    one_door,
    databases_have_their_place,
    only_cli_speaks,
    one_screen,
    the_world_is_passed,
    shape,
)


def cycle(graph: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Modules that import each other in a circle, the first one twice; empty when there is none."""
    done: set[str] = set()
    trail: list[str] = []

    def visit(name: str) -> tuple[str, ...]:
        if name in trail:
            return (*trail[trail.index(name) :], name)
        if name in done:
            return ()
        trail.append(name)
        for other in sorted(graph.get(name, frozenset())):
            if found := visit(other):
                return found
        trail.pop()
        done.add(name)
        return ()

    for name in sorted(graph):
        if found := visit(name):
            return found
    return ()


def import_graph(modules: tuple[Module, ...]) -> dict[str, frozenset[str]]:
    """Which modules of dvx each module imports when it runs, anywhere in it."""
    known = {module.name for module in modules}
    graph = {}
    for module in modules:
        found = set()
        for name, _ in running_imports(module.tree, at_start=False):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module.name:
                found.add(target)
        graph[module.name] = frozenset(found)
    return graph
