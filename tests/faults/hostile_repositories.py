"""Hostile repositories: each names a program in a place from which some program of this kind runs things, or leads to one."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from dvx.model.dialect import Dialect
from tests.helpers import commit_all, dialect_of, dvx, git, write


class Hostile(Struct, frozen=True):
    """A clone, or an unpacked archive, that a stranger made; `evil` is the program in it that must not run: it makes `canary`."""

    repo: Path
    canary: Path

    @property
    def evil(self) -> Path:
        """The program."""
        return self.repo / "evil"

    @property
    def dialect(self) -> Dialect:
        """The dialect of the repository."""
        return dialect_of(self.repo)

    @property
    def own(self) -> Path:
        """dvx's folder in it."""
        return self.repo / self.dialect.folder

    @property
    def tmp(self) -> Path:
        """What dvx keeps for itself in it."""
        return self.own / self.dialect.state_folder

    def config(self, text: str, name: str = "config") -> None:
        """Add to a configuration file."""
        place = self.own / name
        write(place, (place.read_text() if place.exists() else "") + text)

    def git_config(self, text: str) -> None:
        """Add to `.git/config`, as an archive can bring it."""
        place = self.repo / ".git/config"
        place.write_text(place.read_text() + text.replace("EVIL", str(self.evil)))

    def track(self) -> None:
        """Let Git track all that is there, though it be ignored."""
        git(self.repo, "add", "--force", "--all", "--", ".")
        git(self.repo, "commit", "--quiet", "--message", "evil")

    def pointer(self, name: str, document: object) -> None:
        """Write a pointer file."""
        write(self.repo / f"{name}{self.dialect.pointer_suffix}", json.dumps(document))

    def imported(self, url: str, **more: object) -> None:
        """Write the pointer of an import from another repository."""
        deps = [{"path": "data", "repo": {"url": url, **more}}]
        self.pointer("got", {"deps": deps, "outs": [{"md5": "a" * 32, "path": "got"}]})


Maker = Callable[[Hostile], None]
MAKERS: dict[str, Maker] = {}
"""Every hostile repository by its name."""


def maker(function: Maker) -> Maker:
    """Name a way to make a repository hostile."""
    MAKERS[function.__name__.removeprefix("_").replace("_", " ")] = function
    return function


def prepare(repo: Path) -> None:
    """What all have: data at a remote, a stage whose command would run, metrics, plots, an experiment, history, a Git remote."""
    dialect = dialect_of(repo)
    evil = write(repo / "evil", '#!/bin/sh\nexec touch "$(dirname "$0")/../canary"\n')
    evil.chmod(0o755)
    write(repo / "data/x", "1\n")
    dvx(repo, "add", "data")
    dvx(repo, "remote", "add", "-d", "store", "../store")
    dvx(repo, "push")
    write(repo / "params.yaml", "n: 1\n")
    write(repo / "m.json", '{"acc": 1}')
    write(repo / "a.csv", "x,y\n1,2\n2,3\n")
    stage = {"cmd": "./evil", "deps": ["data/x"], "params": ["n"], "outs": ["o"]}
    write(repo / dialect.pipeline, json.dumps({"stages": {"s": stage}, "metrics": ["m.json"], "plots": ["a.csv"]}))
    commit_all(repo)
    write(repo / "params.yaml", "n: 2\n")
    commit_all(repo)
    dvx(repo, "exp", "save", "-n", "e1")
    git(repo, "init", "--quiet", "--bare", "../origin.git")
    git(repo, "remote", "add", "origin", "../origin.git")
    git(repo, "push", "--quiet", "origin", "HEAD")


_STORE = "['remote \"store\"']\n    url = {}\n{}"
_FAR = "http://127.0.0.1:1/x"


def _bearer(hostile: Hostile) -> str:
    return _STORE.format("webdav://127.0.0.1:1/x", f"    bearer_token_command = {hostile.evil}\n    auth = bearer\n")


@maker
def _stage_command(hostile: Hostile) -> None:
    """As prepared."""


@maker
def _tracked_token_command(hostile: Hostile) -> None:
    hostile.config(_bearer(hostile))
    hostile.track()


@maker
def _private_token_command(hostile: Hostile) -> None:
    hostile.config(_bearer(hostile), "config.local")


@maker
def _tracked_private_file(hostile: Hostile) -> None:
    hostile.config(_bearer(hostile), "config.local")
    hostile.track()


@maker
def _no_scm(hostile: Hostile) -> None:
    hostile.config(f"[core]\n    no_scm = true\n{_bearer(hostile)}")
    hostile.config(_bearer(hostile), "config.local")


@maker
def _folder_is_a_link(hostile: Hostile) -> None:
    hostile.config(_bearer(hostile), "config.local")
    hostile.own.rename(hostile.repo / "elsewhere")
    hostile.own.symlink_to("elsewhere")
    git(hostile.repo, "add", "--force", hostile.dialect.folder)


@maker
def _state_is_a_link(hostile: Hostile) -> None:
    shutil.rmtree(hostile.tmp, ignore_errors=True)
    (hostile.repo / "state").mkdir()
    hostile.tmp.parent.mkdir(exist_ok=True)
    hostile.tmp.symlink_to(hostile.repo / "state")


@maker
def _private_file_is_a_link(hostile: Hostile) -> None:
    write(hostile.repo / "settings", _bearer(hostile))
    (hostile.own / "config.local").symlink_to("../settings")


def _s3(hostile: Hostile, option: str, place: str) -> None:
    hostile.config(_STORE.format("s3://bucket/x", f"    endpointurl = {_FAR}\n    {option} = {place}\n"))


@maker
def _aws_config_file(hostile: Hostile) -> None:
    write(hostile.repo / "aws", f"[default]\ncredential_process = {hostile.evil}\n")
    _s3(hostile, "configpath", "../aws")
    hostile.track()


@maker
def _aws_credentials_behind_a_link(hostile: Hostile) -> None:
    write(hostile.repo / "real/aws", f"[default]\ncredential_process = {hostile.evil}\n")
    (hostile.repo / "link").symlink_to("real")
    _s3(hostile, "credentialpath", "../link/aws")


@maker
def _aws_config_in_a_submodule(hostile: Hostile) -> None:
    inner = hostile.repo.parent / "inner-aws"
    write(inner / "aws", f"[default]\nsource_profile = x\n[profile x]\ncredential_process = {hostile.evil}\n")
    git(inner, "init", "--quiet")
    commit_all(inner)
    git(hostile.repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    _s3(hostile, "configpath", "../sub/aws")
    commit_all(hostile.repo)


@maker
def _google_executable_credentials(hostile: Hostile) -> None:
    source = {"executable": {"command": str(hostile.evil)}}
    write(hostile.repo / "gs.json", json.dumps({"type": "external_account", "credential_source": source}))
    hostile.config(_STORE.format("gs://bucket/x", "    credentialpath = ../gs.json\n"))


@maker
def _proxy_command_in_a_url(hostile: Hostile) -> None:
    hostile.config(_STORE.format(f"ssh://-oProxyCommand={hostile.evil}/x", ""))


@maker
def _proxy_command_option(hostile: Hostile) -> None:
    hostile.config(_STORE.format("ssh://127.0.0.1:1/x", f"    proxycommand = {hostile.evil}\n"))


@maker
def _database_driver(hostile: Hostile) -> None:
    write(hostile.repo / "evildriver.py", "import os\nos.system('./evil')\n")
    hostile.config("['db \"base\"']\n    url = evildriver://x\n")
    query = {"query": "select 1", "connection": "base"}
    hostile.pointer("rows", {"deps": [{"db": query}], "outs": [{"md5": "a" * 32, "path": "rows.csv"}], "frozen": True})


@maker
def _options_in_a_pointer(hostile: Hostile) -> None:
    options = {"bearer_token_command": str(hostile.evil), "auth": "bearer", "configpath": "aws"}
    hostile.pointer("far", {"deps": [{"path": "webdav://127.0.0.1:1/y", "fs_config": options}], "outs": [{"path": "far"}]})


@maker
def _inner_project(hostile: Hostile) -> None:
    inner = hostile.repo / "inner"
    shutil.copytree(hostile.own, inner / hostile.dialect.folder, ignore=shutil.ignore_patterns("cache", "tmp"))
    write(inner / hostile.dialect.folder / "config.local", _bearer(hostile))
    git(inner, "init", "--quiet")
    commit_all(inner)
    hostile.imported("inner")


@maker
def _remote_of_an_import(hostile: Hostile) -> None:
    settings = {"remote": {"far": {"url": "webdav://127.0.0.1:1/x", "bearer_token_command": str(hostile.evil)}}}
    hostile.imported("../origin.git", remote={"bearer_token_command": str(hostile.evil)}, config=settings)


def _url(name: str, url: str) -> None:
    def make(hostile: Hostile) -> None:
        hostile.imported(url.replace("EVIL", str(hostile.evil)))
        hostile.git_config('[protocol]\n\tallow = always\n[protocol "ext"]\n\tallow = always\n')

    MAKERS[f"import from {name}"] = make


_url("an ext helper", "ext::EVIL")
_url("a helper of its own", "evil::x")
_url("an option", "--upload-pack=EVIL")
_url("an SSH option", "ssh://-oProxyCommand=EVIL/x")
_url("a shell's words", "$(EVIL)`EVIL`;EVIL")
_url("a file with an option", "file://--upload-pack=EVIL")


@maker
def _settings_of_an_import(hostile: Hostile) -> None:
    hostile.imported("../origin.git", config="/dev/stdin", rev=f"--output={hostile.evil}")


@maker
def _dataset_of_a_helper(hostile: Hostile) -> None:
    place = hostile.repo / hostile.dialect.pipeline
    document = json.loads(place.read_text())
    place.write_text(
        json.dumps({**document, "datasets": [{"name": "d", "type": "dvc", "url": f"ext::{hostile.evil}", "path": "x"}]})
    )


@maker
def _hooks(hostile: Hostile) -> None:
    for name in (
        "post-checkout",
        "post-index-change",
        "pre-push",
        "reference-transaction",
        "post-rewrite",
        "pre-auto-gc",
        "pre-commit",
    ):
        shutil.copy(hostile.evil, hostile.repo / ".git/hooks" / name)


@maker
def _hooks_elsewhere(hostile: Hostile) -> None:
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        write(hostile.repo / "hooks" / name, hostile.evil.read_text()).chmod(0o755)
    hostile.git_config("[core]\n\thooksPath = hooks\n")


@maker
def _file_monitor(hostile: Hostile) -> None:
    hostile.git_config("[core]\n\tfsmonitor = EVIL\n")


@maker
def _attributes_alone(hostile: Hostile) -> None:
    write(hostile.repo / ".gitattributes", "* filter=evil diff=evil merge=evil\n")
    commit_all(hostile.repo)


@maker
def _submodule_update_command(hostile: Hostile) -> None:
    write(hostile.repo / ".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = ext::{hostile.evil}\n\tupdate = !{hostile.evil}\n')
    commit_all(hostile.repo)


@maker
def _bare_repository_inside(hostile: Hostile) -> None:
    bare = hostile.repo / "data2"
    git(hostile.repo, "init", "--quiet", "--bare", "data2")
    with (bare / "config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = {hostile.evil}\n\tsshCommand = {hostile.evil}\n\tworktree = ..\n\tbare = false\n")
    hostile.imported("data2")
    hostile.track()


@maker
def _names(hostile: Hostile) -> None:
    for name in (
        f"--output={hostile.evil.name}",
        "$(./evil)",
        "`./evil`",
        ";./evil",
        "|./evil",
        "&&./evil",
        "-oProxyCommand=evil",
    ):
        write(hostile.repo / "data" / name, "1\n")
        write(hostile.repo / f"{name}.json", "{}")
        hostile.pointer(name, {"outs": [{"md5": "a" * 32, "path": name}]})
    git(hostile.repo, "update-ref", "refs/heads/$(./evil)", "HEAD")
    git(hostile.repo, "update-ref", "refs/tags/;./evil;", "HEAD")
    commit_all(hostile.repo)


@maker
def _modules(hostile: Hostile) -> None:
    for name in (
        "yaml",
        "msgspec",
        "git",
        "typer",
        "xxhash",
        "dvx/__init__",
        "s3fs",
        "plotext",
        "hydra",
    ):
        write(hostile.repo / f"{name}.py", "import os\nos.system('./evil')\n")
    commit_all(hostile.repo)


@maker
def _hydra_plugins(hostile: Hostile) -> None:
    write(hostile.repo / "hydra_plugins/evil/evil.py", "import os\nos.system('./evil')\n")
    write(
        hostile.repo / "conf/config.yaml",
        "defaults: [_self_]\nx: {_target_: os.system, _args_: ['./evil']}\nhydra: {searchpath: ['pkg://evil']}\n",
    )
    hostile.config("[hydra]\n    enabled = true\n    config_dir = conf\n")


@maker
def _python_params(hostile: Hostile) -> None:
    text = "import os\nn = os.system('./evil')\nm = __import__('os').system('./evil')\nclass A:\n    x = eval('1')\n"
    write(hostile.repo / "params.py", text)
    place = hostile.repo / hostile.dialect.pipeline
    document = json.loads(place.read_text())
    document["stages"]["s"]["params"] = [{"params.py": ["n", "m", "A.x"]}]
    place.write_text(json.dumps({**document, "params": ["params.py"], "vars": ["params.py"], "metrics": ["params.py"]}))


@maker
def _yaml_constructors(hostile: Hostile) -> None:
    evil = f'!!python/object/apply:os.system ["{hostile.evil}"]\n'
    write(hostile.repo / "params.yaml", f"n: {evil}")
    write(hostile.repo / "m.yaml", evil)
    write(hostile.repo / hostile.dialect.lock, f"schema: '2.0'\nstages: {evil}")
    write(hostile.repo / f"e{hostile.dialect.pointer_suffix}", f"outs: {evil}")


@maker
def _pickles(hostile: Hostile) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (str(hostile.evil),)

    data = pickle.dumps(Evil())
    for place in (
        "params.yaml",
        "m.json",
        "a.csv",
        f"{hostile.dialect.folder}/tmp/index",
        f"{hostile.dialect.folder}/tmp/exps/run/x.run",
    ):
        write(hostile.repo / place, data)


@maker
def _templates(hostile: Hostile) -> None:
    stage = {"cmd": "${__import__('os').system('./evil')} $(./evil) `./evil`", "foreach": "${n}", "desc": "$(./evil)"}
    each = {"foreach": ["$(./evil)", "x"], "do": {"cmd": "./evil ${item}", "outs": ["${item}"]}}
    write(
        hostile.repo / hostile.dialect.pipeline, json.dumps({"stages": {"s": stage, "each": each}, "vars": [{"n": "$(./evil)"}]})
    )


@maker
def _shells_of_stages(hostile: Hostile) -> None:
    run = {"shell": str(hostile.evil), "env": {"LD_PRELOAD": str(hostile.evil)}, "retry": 3}
    stage = {"cmd": "true", "outs": ["o"], "run": run, "always_changed": True, "resources": {"cpu": 1}}
    write(
        hostile.repo / hostile.dialect.pipeline, json.dumps({"stages": {"s": stage}, "artifacts": {"a": {"path": "$(./evil)"}}})
    )


@maker
def _page_and_templates(hostile: Hostile) -> None:
    write(hostile.repo / "own.html", "<script>1</script><meta http-equiv=refresh content=0>{plot_divs}")
    write(
        hostile.own / "plots/evil.json", json.dumps({"data": {"url": f"file://{hostile.evil}"}, "usermeta": {"loader": "./evil"}})
    )
    hostile.config("[plots]\n    html_template = ../own.html\n    out_dir = ../../elsewhere\n")
    place = hostile.repo / hostile.dialect.pipeline
    document = json.loads(place.read_text())
    place.write_text(json.dumps({**document, "plots": [{"a.csv": {"template": "evil", "title": "$(./evil)"}}]}))


@maker
def _experiment_with_a_private_file(hostile: Hostile) -> None:
    hostile.config(_bearer(hostile), "config.local")
    _experiment(hostile, "evil")
    (hostile.own / "config.local").unlink(missing_ok=True)


@maker
def _experiment_with_attributes(hostile: Hostile) -> None:
    write(hostile.repo / ".gitattributes", "* filter=evil\n")
    write(hostile.repo / ".git/modules/x/config", f"[core]\n\tfsmonitor = {hostile.evil}\n")
    _experiment(hostile, "filtered")


def _experiment(hostile: Hostile, name: str) -> None:
    """An experiment of a stranger's, which holds all that is there."""
    git(hostile.repo, "add", "--force", "--all", "--", ".")
    commit = git(hostile.repo, "stash", "create")
    git(hostile.repo, "reset", "--hard", "--quiet")
    head = git(hostile.repo, "rev-parse", "HEAD")
    git(hostile.repo, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", commit)


@maker
def _databases(hostile: Hostile) -> None:
    for name in ("stats.db", "rows.db", "runs.db", "exps/tasks.db"):
        place = hostile.tmp / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        base = sqlite3.connect(place)
        base.execute("CREATE TABLE tasks (ident TEXT, name TEXT, command TEXT)")
        base.execute("CREATE VIEW facts AS SELECT load_extension('./evil')")
        base.execute("INSERT INTO tasks VALUES ('../..', '$(./evil)', './evil')")
        base.execute("CREATE TRIGGER t AFTER INSERT ON tasks BEGIN SELECT load_extension('./evil'); END")
        base.commit()
        base.close()


@maker
def _logs_and_notes(hostile: Hostile) -> None:
    write(hostile.tmp / "restore.json", json.dumps({"command": "./evil"}))
    write(hostile.tmp / "logs/x/s.log", "$(./evil)\n")
    write(hostile.tmp / "rwlock", json.dumps({"./evil": {"pid": 1, "cmd": "./evil"}}))
    write(hostile.tmp / "rep.lock", "1\n")


@maker
def _ignore_files(hostile: Hostile) -> None:
    write(hostile.repo / hostile.dialect.ignore, "!$(./evil)\n[\n`./evil`\n")
    write(hostile.repo / ".gitignore", "!/evil\n$(./evil)\n")


@maker
def _run_cache_of_a_stranger(hostile: Hostile) -> None:
    run = json.dumps({"cmd": "./evil", "outs": [{"path": "evil", "md5": "a" * 32}]})
    for place in (hostile.own / "cache/runs", hostile.repo.parent / "store/runs"):
        write(place / "ab" / ("ab" * 32) / ("cd" * 32), run)


@maker
def _cache_elsewhere(hostile: Hostile) -> None:
    hostile.config("[cache]\n    dir = ../../elsewhere\n    type = symlink\n")


@maker
def _gitdir_file(hostile: Hostile) -> None:
    """A folder of Git's under another name, which the work tree holds."""
    (hostile.repo / ".git").rename(hostile.repo / "gitdir")
    write(hostile.repo / ".git", "gitdir: gitdir\n")
    with (hostile.repo / "gitdir/config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = {hostile.evil}\n")


@maker
def _links_as_data(hostile: Hostile) -> None:
    (hostile.repo / "m.json").unlink()
    (hostile.repo / "m.json").symlink_to("/dev/null")
    (hostile.repo / "to-git").symlink_to(".git")
    hostile.pointer("to-git/hooks/post-checkout", {"outs": [{"md5": "a" * 32, "path": "x", "isexec": True}]})


@maker
def _editor_settings(hostile: Hostile) -> None:
    write(
        hostile.repo / ".vscode/tasks.json", json.dumps({"tasks": [{"command": "./evil", "runOptions": {"runOn": "folderOpen"}}]})
    )
    write(hostile.repo / ".pre-commit-config.yaml", "repos: [{repo: local, hooks: [{id: x, entry: ./evil, language: system}]}]\n")
    write(hostile.repo / ".envrc", "./evil\n")
    write(hostile.repo / ".lfsconfig", f"[lfs]\n\turl = ssh://-oProxyCommand={hostile.evil}/x\n")


_GIT = {
    "ssh command": '[core]\n\tsshCommand = EVIL\n[remote "origin"]\n\turl = ssh://127.0.0.1:1/x\n',
    "filter": '[filter "evil"]\n\tclean = EVIL\n\tsmudge = EVIL\n\trequired = true\n',
    "filter process": '[filter "evil"] process = EVIL\n',
    "upload pack": '[remote "origin"]\n\tuploadpack = EVIL\n\treceivepack = EVIL\n',
    "helper": '[protocol]\n\tallow = always\n[remote "origin"]\n\turl = ext::EVIL\n',
    "rewritten url": '[protocol "ext"]\n\tallow = always\n[url "ext::EVIL "]\n\tinsteadOf = ../origin.git\n',
    "vcs": '[remote "origin"]\n\tvcs = evil\n',
    "credentials": '[credential]\n\thelper = !EVIL\n[remote "origin"]\n\turl = http://127.0.0.1:1/x\n',
    "password prompt": '[core]\n\taskPass = EVIL\n[remote "origin"]\n\turl = http://127.0.0.1:1/x\n',
    "proxy": '[core]\n\tgitProxy = EVIL\n[remote "origin"]\n\turl = git://127.0.0.1:1/x\n',
    "signature": "[gpg]\n\tprogram = EVIL\n[push]\n\tgpgSign = true\n[commit]\n\tgpgSign = true\n[log]\n\tshowSignature = true\n",
    "alternates": "[core]\n\talternateRefsCommand = EVIL\n",
    "include": "[include]\n\tpath = ../included\n",
    "conditional include": '[includeIf "gitdir:**"]\n\tpath = ../included\n',
    "never obeyed": "[alias]\n\tstatus = !EVIL\n\tls-files = !EVIL\n[core]\n\tpager = EVIL\n\teditor = EVIL\n"
    '[diff]\n\texternal = EVIL\n[diff "evil"]\n\ttextconv = EVIL\n\tcommand = EVIL\n'
    '[merge "evil"]\n\tdriver = EVIL\n[uploadpack]\n\tpackObjectsHook = EVIL\n',
    "large file extension": '[lfs "extension.evil"]\n\tclean = EVIL\n\tsmudge = EVIL\n',
}


def _of_git(name: str, text: str) -> None:
    def make(hostile: Hostile) -> None:
        write(hostile.repo / "included", f'[filter "evil"]\n\tclean = {hostile.evil}\n\tsmudge = {hostile.evil}\n')
        write(hostile.repo / ".gitattributes", "* filter=evil diff=evil merge=evil\n")
        commit_all(hostile.repo)
        for path in ("params.yaml", "m.json", "a.csv"):
            (hostile.repo / path).touch()
        hostile.git_config(text)

    MAKERS[f"git {name}"] = make


for _name, _text in _GIT.items():
    _of_git(_name, _text)


@maker
def _git_settings_of_a_work_tree(hostile: Hostile) -> None:
    hostile.git_config("[extensions]\n\tworktreeConfig = true\n")
    write(hostile.repo / ".gitattributes", "* filter=evil\n")
    write(hostile.repo / ".git/config.worktree", f'[filter "evil"]\n\tclean = {hostile.evil}\n')
    (hostile.repo / "params.yaml").touch()


@maker
def _git_settings_of_a_submodule(hostile: Hostile) -> None:
    inner = hostile.repo.parent / "inner-git"
    write(inner / "file", "1\n")
    write(inner / ".gitattributes", "* filter=evil\n")
    git(inner, "init", "--quiet")
    commit_all(inner)
    git(hostile.repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    commit_all(hostile.repo)
    with (hostile.repo / ".git/modules/sub/config").open("a") as file:
        file.write(f'[filter "evil"]\n\tclean = {hostile.evil}\n')
    write(hostile.repo / "sub/file", "2\n")


@maker
def _git_settings_of_a_repository_inside(hostile: Hostile) -> None:
    inner = hostile.repo / "sub"
    write(inner / "file", "1\n")
    write(inner / ".gitattributes", "* filter=evil\n")
    git(inner, "init", "--quiet")
    commit_all(inner)
    commit_all(hostile.repo)
    with (inner / ".git/config").open("a") as file:
        file.write(
            f'[filter "evil"]\n\tclean = {hostile.evil}\n\tprocess = {hostile.evil}\n[core]\n\tfsmonitor = {hostile.evil}\n'
        )
    write(inner / "file", "2\n")
