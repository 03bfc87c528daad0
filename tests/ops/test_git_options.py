"""Options of a repository's own Git configuration that start programs: found, shown, agreed to, and the usual ones left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dvx.model.git_options import GitOption, has_power, may_have_power, read_options
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write


def add(repo: Path, text: str) -> None:
    place = repo / ".git/config"
    place.write_text(place.read_text() + text)


USUAL = [
    '[filter "lfs"]\n\tclean = git-lfs clean -- %f\n\tprocess = git-lfs filter-process\n\trequired = true\n',
    '[filter "git-crypt"]\n\tsmudge = git-crypt smudge\n\tclean = git-crypt clean\n',
    '[filter "nbstripout"]\n\tclean = nbstripout\n',
    "[credential]\n\thelper = cache --timeout=3600\n\thelper =\n\thelper = store\n",
    "[core]\n\tsshCommand = ssh -i ~/.ssh/deploy -o IdentitiesOnly=yes\n",
    '[remote "origin"]\n\turl = git@example.org:me/it.git\n\tuploadpack = git-upload-pack\n',
    '[remote "backup"]\n\turl = https://example.org/it.git\n[alias]\n\tst = !date\n[core]\n\tpager = less\n\teditor = vi\n',
    '[diff "ipynb"]\n\ttextconv = nbstripout -t\n[merge "dvx"]\n\tdriver = dvx git-hook merge-driver\n',
    '[protocol "ext"]\n\tallow = never\n',
    "[http]\n\tsslVerify = true\n",
]


@pytest.mark.parametrize("text", USUAL)
def test_what_people_use_needs_no_trust(dialect_repo: Path, text: str) -> None:
    add(dialect_repo, text)
    dvx(dialect_repo, "exp", "list")
    assert "Nothing in this repository needs your trust." in dvx(dialect_repo, "trust").err


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("[core]\n\tsshCommand = ssh -F config\n", "core.sshcommand", "ssh -F config"),
        ("[core] sshCommand = evil\n", "core.sshcommand", "evil"),
        ("[CORE]\n\tSSHCOMMAND = ssh -o ProxyCommand=evil\n", "core.sshcommand", "ssh -o ProxyCommand=evil"),
        ('[filter "lfs"]\n\tclean = "git-lfs clean; evil"\n', "filter.lfs.clean", "git-lfs clean; evil"),
        ('[filter "x"]\n\tclean = ./git-lfs clean\n', "filter.x.clean", "./git-lfs clean"),
        ('[filter "x"]\n\tclean = "ev\\\n  il" # a comment\n', "filter.x.clean", "ev  il"),
        ("[filter.x]\n\tclean = evil\n", "filter.x.clean", "evil"),
        ("[credential]\n\thelper = !evil\n", "credential.helper", "!evil"),
        ('[credential "https://x"]\n\thelper = /tmp/evil\n', "credential.https://x.helper", "/tmp/evil"),
        ('[remote "o"]\n\turl = ext::evil\n', "remote.o.url", "ext::evil"),
        ('[url "ext::evil "]\n\tinsteadOf = https://x\n', "url.ext::evil .insteadof", "https://x"),
        ('[protocol "ext"]\n\tallow = always\n', "protocol.ext.allow", "always"),
        ("[gpg]\n\tprogram = evil\n", "gpg.program", "evil"),
        ('[gpg "ssh"]\n\tprogram = evil\n', "gpg.ssh.program", "evil"),
        ('[hook "x"]\n\tcommand = evil\n', "hook.x.command", "evil"),
        ('[lfs "customtransfer.x"]\n\tpath = evil\n', "lfs.customtransfer.x.path", "evil"),
        ('[filter "x"]\n\tclean = nbstripout /home/mine.ipynb\n', "filter.x.clean", "nbstripout /home/mine.ipynb"),
        ("[http]\n\tsslVerify = false\n", "http.sslverify", "false"),
        ("[http]\n\tcookieFile = /home/.bashrc\n", "http.cookiefile", "/home/.bashrc"),
        ('[http "http://x"]\n\tproxy = http://evil\n', "http.http://x.proxy", "http://evil"),
    ],
)
def test_other_programs_need_trust(dialect_repo: Path, text: str, name: str, value: str) -> None:
    add(dialect_repo, text)
    for words in (("exp", "list"), ("data", "status"), ("exp", "save"), ("metrics", "show", "-a")):
        refused = run_dvx(dialect_repo, *words)
        assert refused.code != 0
        assert refused.err.startswith(".git/config:")
        assert f"`{name}` lets Git run a program: `{value}`" in refused.err
    assert f"git {name} = {value}" in dvx(dialect_repo, "trust", "--list").out
    dvx(dialect_repo, "trust", "--yes")
    dvx(dialect_repo, "exp", "list")
    dvx(dialect_repo, "trust", "--revoke")
    assert run_dvx(dialect_repo, "exp", "list").code != 0


def test_trust_is_for_what_was_shown(dialect_repo: Path) -> None:
    add(dialect_repo, '[filter "x"]\n\tclean = mine\n[include]\n\tpath = ../more\n')
    write(dialect_repo / "more", "[user]\n\tname = x\n")
    dvx(dialect_repo, "trust", "--yes")
    dvx(dialect_repo, "exp", "list")
    add(dialect_repo, '[filter "x"]\n\tclean = other\n')
    assert run_dvx(dialect_repo, "exp", "list").code != 0
    dvx(dialect_repo, "trust", "--yes")
    write(dialect_repo / "more", '[filter "y"]\n\tclean = evil\n')
    refused = run_dvx(dialect_repo, "exp", "list")
    assert "`include.path` lets Git run a program" in refused.err
    assert "git filter.y.clean = evil" in dvx(dialect_repo, "trust", "--list").out


def test_the_users_own_configuration_is_theirs(dialect_repo: Path, home: Path) -> None:
    place = home / ".gitconfig"
    place.write_text(place.read_text() + "[core]\n\tsshCommand = my-ssh\n[credential]\n\thelper = !mine\n")
    dvx(dialect_repo, "exp", "list")


def test_what_needs_no_git_goes_on(dialect_repo: Path) -> None:
    add(dialect_repo, '[filter "x"]\n\tclean = evil\n')
    dvx(dialect_repo, "remote", "add", "-d", "store", "../store")
    dvx(dialect_repo, "config", "--list")
    dvx(dialect_repo, "root")
    assert dialect_of(dialect_repo)


@pytest.mark.parametrize("text", ["[a", "x = 1\n", "[a]\n\t= 1\n", '[a]\n\tfilter = "open\n', "[a]\n\tfilter ! 1\n"])
def test_what_is_no_configuration_is_refused(dialect_repo: Path, text: str) -> None:
    write(dialect_repo / ".git/config", "[core] # filter\n" + text)
    if "x = 1" not in text:
        assert run_dvx(dialect_repo, "exp", "list").code != 0


TEXTS = [
    "[a]\n\tb = 1\n\tc = 2 # x\n\td = 3\n[e]\n\tf = 4\n",
    '[a "b c"]\n  k = v w  # x\n k2="  q " ; y\n\tk3\n[d.E]f=1\n[g "h\\"i\\\\j"] K-1 = a\\tb\\nc\\"d\\\\\n',
    '\ufeff[core]\n\tx = a \\\n  b\n\ty = "a # b" c ; d\n\tz = a"b"c\n\tempty =\n',
    "# c\n; d\n\n[a]\r\n\tb = c\r\n\td = e \\\r\n f\r\n",
    '[a]b=1\nc=2\n[a "X"] d=3 # e\n',
]


@pytest.mark.parametrize("text", TEXTS)
def test_options_are_read_as_git_reads_them(tmp_path: Path, text: str) -> None:
    place = write(tmp_path / "config", text)
    listed = subprocess.run(["git", "config", "--file", place, "--list", "-z"], capture_output=True, check=True).stdout
    known = [row.partition("\n") for row in listed.decode().split("\0") if row]
    assert [(one.name, one.value) for one in read_options(text)] == [
        (name, value if is_given else "true") for name, is_given, value in known
    ]


def test_a_plain_file_is_not_read_further() -> None:
    assert not may_have_power(b'[core]\n\tbare = false\n[remote "origin"]\n\turl = https://example.org/x\n')
    assert has_power(GitOption("core.sshcommand", "evil", 1))
    assert not has_power(GitOption("core.sshcommand", "", 1))


def test_git_still_answers(dialect_repo: Path) -> None:
    assert git(dialect_repo, "status", "--porcelain") == ""
    assert run_process(dialect_repo, "git", "version").code == 0


def test_a_configuration_that_is_too_large_to_be_checked_is_refused(dialect_repo: Path) -> None:
    add(dialect_repo, "".join(f"#{'x' * 1000}\n" for _ in range(1060)) + '[filter "x"]\n\tclean = evil\n')
    result = run_dvx(dialect_repo, "data", "status")
    assert result.code != 0
    assert "is too large" in result.err


@pytest.mark.parametrize("name", ["x\ny\n", "l/../c"])
def test_the_folder_that_work_trees_share_is_the_one_that_git_takes(dialect_repo: Path, name: str) -> None:
    folder = dialect_repo / ".git"
    evil = folder / ("x\ny" if "\n" in name else "evil/c")
    harmless = folder / ("x" if "\n" in name else "c")
    (folder / "evil/deep").mkdir(parents=True)
    (folder / "l").symlink_to("evil/deep")
    for place, text in ((evil, '[filter "x"]\n\tclean = evil\n'), (harmless, "")):
        (place / "objects").mkdir(parents=True)
        (place / "refs").mkdir()
        write(place / "config", (folder / "config").read_text() + text)
    write(folder / "commondir", name)
    assert "filter.x.clean" in run_dvx(dialect_repo, "trust", "--list").out


def test_looking_for_a_text_in_the_history_runs_nothing(native: Path, tmp_path: Path) -> None:
    write(native / "dvx.yaml", "stages:\n  s: {cmd: cp a b, deps: [a], outs: [b]}\n")
    write(native / "a", "1\n")
    dvx(native, "repro")
    write(native / ".gitattributes", "dvx.lock diff=x\n")
    git(native, "add", "--all")
    git(native, "commit", "--quiet", "--message", "all")
    write(native / "a", "2\n")
    add(native, f'[diff "x"]\n\ttextconv = "touch {tmp_path}/canary; cat"\n')
    dvx(native, "explain", "s")
    assert not (tmp_path / "canary").exists()


def test_what_git_would_fetch_to_read_its_index_is_not_fetched(dialect_repo: Path, tmp_path: Path) -> None:
    folder = dialect_of(dialect_repo).folder
    for name in "abc":
        write(dialect_repo / f"z{name}/f", name)
    git(dialect_repo, "add", "--all")
    git(dialect_repo, "commit", "--quiet", "--message", "all")
    shutil.copytree(dialect_repo / folder, tmp_path / "kept")
    git(dialect_repo, "sparse-checkout", "set", "--cone", "--sparse-index", "za")
    git(dialect_repo, "update-index", "--index-version", "4")
    shutil.copytree(tmp_path / "kept", dialect_repo / folder, dirs_exist_ok=True)
    for option, value in (
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", str(dialect_repo)),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", f"touch {tmp_path}/canary; git-upload-pack"),
    ):
        git(dialect_repo, "config", option, value)
    tree = git(dialect_repo, "rev-parse", f"HEAD:{folder}")
    (dialect_repo / ".git/objects" / tree[:2] / tree[2:]).unlink()
    for words in (("status",), ("root",), ("pull",)):
        assert run_dvx(dialect_repo, *words).code != 0
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("kind", ["folder", "submodule"])
def test_what_a_repository_inside_names_is_not_run(dialect_repo: Path, tmp_path: Path, kind: str) -> None:
    inner = dialect_repo / "sub" if kind == "folder" else tmp_path / "inner"
    write(inner / "file", "1\n")
    write(inner / ".gitattributes", "* filter=evil\n")
    git(inner, "init", "--quiet")
    commit_all(inner)
    if kind == "submodule":
        git(dialect_repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
        commit_all(dialect_repo)
    git(dialect_repo, "add", "--all")
    commit_all(dialect_repo)
    inner = dialect_repo / "sub"
    for name in ("filter.evil.clean", "filter.evil.smudge", "core.fsmonitor"):
        git(inner, "config", name, f"touch {tmp_path}/canary; cat")
    write(inner / "file", "2\n")
    write(dialect_repo / "data", "x")
    dvx(dialect_repo, "config", "core.autostage", "true")
    for words in (
        ("add", "data"),
        ("exp", "save", "--name", "one", "--include-untracked", "sub"),
        ("data", "status", "--untracked-files"),
        ("exp", "apply", "one"),
        ("exp", "run", "--queue", "--name", "two"),
        ("exp", "list"),
    ):
        run_dvx(dialect_repo, *words)
        assert not (tmp_path / "canary").exists(), words
    assert "one" in dvx(dialect_repo, "exp", "list").out


def test_an_experiment_holds_the_workspace_as_git_would_record_it(dialect_repo: Path) -> None:
    inner = dialect_repo / "sub"
    write(inner / "file", "1\n")
    git(inner, "init", "--quiet")
    commit_all(inner)
    for name in ("stays", "changes", "goes", "becomes-folder", "folder/becomes-file", "runs", "kept/x"):
        write(dialect_repo / name, name)
    commit_all(dialect_repo)
    write(dialect_repo / "changes", "other")
    for name in ("goes", "becomes-folder", "folder/becomes-file"):
        (dialect_repo / name).unlink()
    (dialect_repo / "folder").rmdir()
    write(dialect_repo / "folder", "a file")
    write(dialect_repo / "becomes-folder/x", "x")
    (dialect_repo / "runs").chmod(0o755)
    write(dialect_repo / "kept/new/y", "y")
    write(dialect_repo / "new", "n")
    write(inner / "file", "2\n")
    commit_all(inner)
    dvx(dialect_repo, "exp", "save", "--name", "one", "--include-untracked", "becomes-folder", "--include-untracked", "kept")
    saved = git(
        dialect_repo,
        "ls-tree",
        "-r",
        next(iter(git(dialect_repo, "for-each-ref", "--format=%(objectname)", "refs/exps").split())),
    )
    git(dialect_repo, "add", "--update", ".")
    git(dialect_repo, "add", "becomes-folder", "kept")
    assert saved == git(dialect_repo, "ls-tree", "-r", git(dialect_repo, "write-tree"))


@pytest.mark.parametrize("owner", ["own", "another"])
def test_the_work_tree_is_where_the_repository_is(dialect_repo: Path, tmp_path: Path, owner: str) -> None:
    if owner == "another" and os.geteuid() != 0:
        pytest.skip("only root can give a repository to another user")
    victim = tmp_path / "victim"
    for name in ("params.yaml", "gone"):
        write(dialect_repo / name, "n: 1\n")
        write(victim / name, "mine\n")
    commit_all(dialect_repo)
    write(dialect_repo / "params.yaml", "n: 2\n")
    dvx(dialect_repo, "exp", "save", "--name", "one")
    git(dialect_repo, "checkout", "--quiet", "--", "params.yaml")
    git(dialect_repo, "config", "core.worktree", str(victim))
    if owner == "another":
        git(dialect_repo, "config", "--global", "safe.directory", "*")
        for place in (dialect_repo, *dialect_repo.rglob("*")):
            os.chown(place, 12345, 12345, follow_symlinks=False)
    dvx(dialect_repo, "exp", "apply", "one")
    assert (dialect_repo / "params.yaml").read_text() == "n: 2\n"
    write(dialect_repo / "params.yaml", "n: 3\n")
    (dialect_repo / "gone").unlink()
    dvx(dialect_repo, "exp", "save", "--name", "two")
    dvx(dialect_repo, "exp", "run", "--queue", "--name", "three")
    dvx(dialect_repo, "data", "status", "--untracked-files")
    assert {place.name: place.read_text() for place in victim.rglob("*")} == {"params.yaml": "mine\n", "gone": "mine\n"}
    git(dialect_repo, "config", "--unset", "core.worktree")
    ref = git(dialect_repo, "for-each-ref", "--format=%(refname)", "refs/exps/**/two")
    assert git(dialect_repo, "show", f"{ref}:params.yaml") == "n: 3"
