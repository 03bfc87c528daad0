"""Options of a repository's own Git configuration that start programs: found, shown, agreed to, and the usual ones left alone."""
# ruff: noqa: E501  options are easier to read in one line

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dvx.model.setup.git_options import Condition, Demand, GitOption, demands, may_have_power, read_options
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, run_process, write


def add(repo: Path, text: str) -> None:
    place = repo / ".git/config"
    place.write_text(place.read_text() + text)


PYTHON = os.path.realpath(sys.executable)
USUAL = [
    '[filter "lfs"]\n\tclean = git-lfs clean -- %f\n\tprocess = git-lfs filter-process\n\trequired = true\n',
    '[filter "lfs"]\n\tsmudge = git-lfs smudge --skip -- %f\n\tprocess = \\"/usr/bin/git-lfs\\" filter-process --skip\n\tclean = git-lfs clean %f\n',
    '[filter "git-crypt"]\n\tsmudge = git-crypt smudge\n\tclean = git-crypt clean\n',
    '[filter "git-crypt"]\n\tsmudge = \\"git-crypt\\" smudge\n\tclean = \\"/usr/bin/git-crypt\\" clean --key-name=my-key\n',
    '[filter "nbstripout"]\n\tclean = nbstripout\n\tsmudge = cat\n',
    f'[filter "nbstripout"]\n\tclean = \\"{PYTHON}\\" -m nbstripout\n[diff "ipynb"]\n\ttextconv = \\"{PYTHON}\\" -m nbstripout -t\n',
    f'[filter "nbstripout"]\n\tclean = \\"{PYTHON}\\" -Xutf8 -m nbstripout --keep-count\n\tsmudge = \\"/not/here/python\\" -m nbstripout\n',
    '[filter "nbstripout"]\n\tclean = \\"/Users/a b/env/bin/nbstripout\\"\n',
    "[credential]\n\thelper = cache --timeout=3600\n\thelper =\n\thelper = store\n",
    "[credential]\n\thelper = store --file=/data/robot.cred\n\thelper = store --file ~/.my-credentials\n",
    '[credential "https://github.com"]\n\thelper =\n\thelper = !gh auth git-credential\n\thelper = !/usr/bin/gh auth git-credential\n',
    "[credential]\n\thelper = !/usr/bin/glab auth git-credential\n\thelper = /usr/local/bin/git-credential-manager\n\thelper = manager\n",
    "[credential]\n\thelper = /mnt/c/Program\\\\ Files/Git/mingw64/bin/git-credential-manager.exe\n",
    "[credential]\n\thelper = !aws codecommit credential-helper $@\n\thelper = !aws --profile me codecommit credential-helper $@\n",
    '[credential]\n\thelper = "!f(){ if [ \\"$1\\" = \\"get\\" ] ; then echo \\"password=${CI_JOB_TOKEN}\\" ; fi ; } ; f"\n',
    "[core]\n\tsshCommand = ssh -i ~/.ssh/deploy -o IdentitiesOnly=yes\n",
    "[core]\n\tsshCommand = ssh -i /home/me/.ssh/key -F /dev/null\n",
    "[core]\n\tsshCommand = ssh -o StrictHostKeyChecking=no -i key -o UserKnownHostsFile=/dev/null -T\n",
    "[core]\n\tsshCommand = \"ssh -o 'StrictHostKeyChecking accept-new' -o batchmode=yes -o ConnectTimeout=10 -p 22\"\n",
    '[core]\n\tsshCommand = \\"/usr/bin/ssh\\" -i \\"$RUNNER_TEMP/1f\\" -o CheckHostIP=no -o \\"UserKnownHostsFile=$RUNNER_TEMP/1f_known_hosts\\"\n',
    '[remote "origin"]\n\turl = git@example.org:me/it.git\n\tuploadpack = git-upload-pack\n',
    '[remote "backup"]\n\turl = https://example.org/it.git\n[alias]\n\tst = !date\n[core]\n\tpager = less\n\teditor = vi\n',
    '[diff "ipynb"]\n\ttextconv = nbstripout -t\n[merge "dvx"]\n\tdriver = dvx git-hook merge-driver\n',
    '[protocol "ext"]\n\tallow = never\n',
    "[http]\n\tsslVerify = true\n",
    '[gpg]\n\tprogram = gpg2\n[gpg "ssh"]\n\tprogram = /opt/1Password/op-ssh-sign\n',
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
        ('[filter "x"]\n\tclean = "git-crypt clean; evil"\n', "filter.x.clean", "git-crypt clean; evil"),
        (
            '[filter "x"]\n\tclean = "git-crypt clean --key-name=x$(evil)"\n',
            "filter.x.clean",
            "git-crypt clean --key-name=x$(evil)",
        ),
        ('[filter "x"]\n\tclean = "git-crypt clean && evil"\n', "filter.x.clean", "git-crypt clean && evil"),
        ('[filter "x"]\n\tclean = git lfs clean %f\n', "filter.x.clean", "git lfs clean %f"),
        ('[filter "x"]\n\tclean = cat /etc/passwd\n', "filter.x.clean", "cat /etc/passwd"),
        ('[filter "x"]\n\tclean = python -c evil -m nbstripout\n', "filter.x.clean", "python -c evil -m nbstripout"),
        ('[filter "x"]\n\tclean = /usr/bin/python3.12 -m evil\n', "filter.x.clean", "/usr/bin/python3.12 -m evil"),
        ("[core]\n\tsshCommand = ssh -i k -F ~/config\n", "core.sshcommand", "ssh -i k -F ~/config"),
        ("[core]\n\tsshCommand = ssh -oProxyCommand=evil\n", "core.sshcommand", "ssh -oProxyCommand=evil"),
        ("[core]\n\tsshCommand = ssh -o PermitLocalCommand=yes -o LocalCommand=evil\n", "core.sshcommand", None),
        ("[core]\n\tsshCommand = \"ssh -o 'IdentitiesOnly=yes -oProxyCommand=evil'\"\n", "core.sshcommand", None),
        ('[core]\n\tsshCommand = "ssh -i $(evil)"\n', "core.sshcommand", "ssh -i $(evil)"),
        ("[core]\n\tsshCommand = ssh -i $RUNNER_TEMP/k\n", "core.sshcommand", "ssh -i $RUNNER_TEMP/k"),
        ("[core]\n\tsshCommand = ssh -o PKCS11Provider=/tmp/evil.so\n", "core.sshcommand", None),
        ("[core]\n\tsshCommand = ssh -o UserKnownHostsFile=/home/me/.bashrc\n", "core.sshcommand", None),
        ("[core]\n\tsshCommand = X=1 ssh\n", "core.sshcommand", "X=1 ssh"),
        ("[core]\n\tsshCommand = ssh evil\n", "core.sshcommand", "ssh evil"),
        ("[credential]\n\thelper = !gh auth git-credential --x\n", "credential.helper", "!gh auth git-credential --x"),
        ('[credential]\n\thelper = "!gh auth git-credential; evil"\n', "credential.helper", "!gh auth git-credential; evil"),
        ("[credential]\n\thelper = gh auth git-credential\n", "credential.helper", "gh auth git-credential"),
        ("[credential]\n\thelper = store --file=/home/me/.bashrc\n", "credential.helper", "store --file=/home/me/.bashrc"),
        ("[credential]\n\thelper = store --file=~/.credentials\n", "credential.helper", "store --file=~/.credentials"),
        ("[alias]\n\tcredential-oauth = !evil\n", "alias.credential-oauth", "!evil"),
        ("[gpg]\n\tprogram = gpg -x\n", "gpg.program", "gpg -x"),
        ("[http]\n\tsslVerify = false\n", "http.sslverify", "false"),
        ("[http]\n\tcookieFile = /home/.bashrc\n", "http.cookiefile", "/home/.bashrc"),
        ('[http "http://x"]\n\tproxy = http://evil\n', "http.http://x.proxy", "http://evil"),
    ],
)
def test_other_programs_need_trust(dialect_repo: Path, text: str, name: str, value: str | None) -> None:
    value = next(read_options(text)).value if value is None else value
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
    assert "`filter.y.clean` lets Git run a program: `evil`" in refused.err
    assert "git filter.y.clean = evil" in dvx(dialect_repo, "trust", "--list").out


def refusal(repo: Path, text: str) -> str:
    add(repo, text)
    result = run_dvx(repo, "exp", "list")
    assert result.code != 0
    return result.err


@pytest.mark.parametrize(
    "program", ["./git-crypt", "{repo}/git-crypt", "{repo}/.git/git-crypt", "{repo}/../repo/git-crypt", "~/git-crypt"]
)
def test_a_program_that_the_repository_brings_needs_trust(dialect_repo: Path, home: Path, program: str) -> None:
    (home / "git-crypt").symlink_to(dialect_repo / "git-crypt")
    there = program.format(repo=dialect_repo)
    assert "lets Git run a program inside the repository" in refusal(dialect_repo, f'[filter "x"]\n\tclean = {there} clean\n')


def test_a_program_behind_quotes_is_where_the_shell_looks_for_it(dialect_repo: Path) -> None:
    assert "`filter.x.clean`" in refusal(dialect_repo, '[filter "x"]\n\tclean = \\"~/git-crypt\\" clean\n')


def test_an_environment_in_the_repository_needs_trust_and_the_message_says_why(dialect_repo: Path) -> None:
    python = dialect_repo / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(PYTHON)
    said = refusal(dialect_repo, f'[filter "nbstripout"]\n\tclean = \\"{python}\\" -m nbstripout\n')
    assert "lets Git run a program inside the repository" in said
    assert "run `dvx trust`" in said
    dvx(dialect_repo, "trust", "--yes")
    dvx(dialect_repo, "exp", "list")


def test_an_old_python_may_load_modules_of_the_repository(dialect_repo: Path, tmp_path: Path) -> None:
    old = write(tmp_path / "python3.9", "")
    (tmp_path / "python").symlink_to(old)
    assert "may load modules" in refusal(dialect_repo, f'[filter "x"]\n\tclean = {tmp_path}/python -m nbstripout\n')


def test_a_python_without_a_path_is_the_one_that_a_shell_finds(
    dialect_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(dialect_repo, '[filter "x"]\n\tclean = \\"python3.99\\" -m nbstripout\n')
    dvx(dialect_repo, "exp", "list")
    for folder, said in ((tmp_path / "bin", ""), (dialect_repo / ".venv/bin", "inside the repository")):
        write(folder / "python3.99", "").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        assert said in run_dvx(dialect_repo, "exp", "list").err
    assert run_dvx(dialect_repo, "exp", "list").code != 0


def test_an_isolated_python_loads_none(dialect_repo: Path, tmp_path: Path) -> None:
    old = write(tmp_path / "python3.9", "")
    add(dialect_repo, f'[filter "x"]\n\tclean = {old} -I -m nbstripout\n')
    dvx(dialect_repo, "exp", "list")


def test_a_file_that_a_helper_writes_lies_outside(dialect_repo: Path, tmp_path: Path) -> None:
    (dialect_repo / "known_hosts").symlink_to(tmp_path / "profile")
    for text in (
        f"[core]\n\tsshCommand = ssh -o UserKnownHostsFile={dialect_repo}/known_hosts\n",
        "[core]\n\tsshCommand = ssh -o UserKnownHostsFile=known_hosts -o UserKnownHostsFile=/etc/known_hosts\n",
        "[credential]\n\thelper = store --file=.git/credentials\n",
    ):
        before = (dialect_repo / ".git/config").read_text()
        assert "lets Git write a file inside the repository" in refusal(dialect_repo, text)
        write(dialect_repo / ".git/config", before)


@pytest.mark.parametrize("known", ["nbstripout", "nbformat"])
def test_a_module_in_the_work_tree_is_not_loaded_by_a_filter(dialect_repo: Path, tmp_path: Path, known: str) -> None:
    write(tmp_path / "site/nbstripout.py", "import nbformat, sys\nsys.stdout.write(sys.stdin.read())\n")
    write(tmp_path / "site/nbformat.py", "")
    write(dialect_repo / f"{known}.py", f"import pathlib\npathlib.Path({str(tmp_path / 'canary')!r}).touch()\n")
    write(dialect_repo / ".gitattributes", "*.ipynb filter=nbstripout\n")
    write(dialect_repo / "a.ipynb", "{}\n")
    commit_all(dialect_repo)
    add(dialect_repo, f'[filter "nbstripout"]\n\tclean = \\"{PYTHON}\\" -m nbstripout\n')
    for number, words in enumerate((("exp", "save"), ("status",), ("data", "status"))):
        write(dialect_repo / "a.ipynb", f"[{number}]\n")
        assert run_process(dialect_repo, "dvx", *words, env={"PYTHONPATH": str(tmp_path / "site")}).code == 0
    assert not (tmp_path / "canary").exists()


CREDENTIALS = '[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic eDp5\n'


def test_an_included_file_without_power_needs_no_trust(dialect_repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "temp/git-credentials-1.config", CREDENTIALS)
    for folder, there in ((dialect_repo, tmp_path / "temp"), ("/github/workspace", "/github/runner_temp")):
        for at in ("", "/worktrees/*"):
            add(dialect_repo, f'[includeIf "gitdir:{folder}/.git{at}"]\n\tpath = {there}/git-credentials-1.config\n')
    dvx(dialect_repo, "exp", "list")
    assert "Nothing in this repository needs your trust." in dvx(dialect_repo, "trust").err


@pytest.mark.parametrize("path", ["../more", "~/more", "{repo}/more", "deep"])
def test_what_an_included_file_says_is_judged_when_it_appears(dialect_repo: Path, home: Path, path: str) -> None:
    place = {"../more": dialect_repo / "more", "~/more": home / "more", "deep": home / "deepest"}.get(path, dialect_repo / "more")
    write(dialect_repo / ".git/deep", '[includeIf "onbranch:never"]\n\tpath = ~/deepest\n')
    add(dialect_repo, f"[include]\n\tpath = {path.format(repo=dialect_repo)}\n")
    dvx(dialect_repo, "exp", "list")
    write(place, CREDENTIALS)
    dvx(dialect_repo, "exp", "list")
    write(place, CREDENTIALS + "[core]\n\tsshCommand = evil\n")
    assert "`core.sshcommand` lets Git run a program: `evil`" in run_dvx(dialect_repo, "exp", "list").err
    assert "git core.sshcommand = evil" in dvx(dialect_repo, "trust", "--list").out


def test_an_included_file_that_cannot_be_judged_needs_trust(dialect_repo: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    write(dialect_repo / ".git/itself", "[include]\n\tpath = itself\n")
    before = (dialect_repo / ".git/config").read_text()
    for path in (tmp_path / "pipe", tmp_path / "open/absent", "%(prefix)/etc/x", "itself"):
        assert "`include.path`" in refusal(dialect_repo, f"[include]\n\tpath = {path}\n")
        write(dialect_repo / ".git/config", before)


def test_a_configuration_that_is_a_pipe_is_refused(dialect_repo: Path) -> None:
    (dialect_repo / ".git/config").unlink()
    os.mkfifo(dialect_repo / ".git/config")
    assert "is not a regular file" in run_dvx(dialect_repo, "exp", "list").err


@pytest.mark.parametrize("words", [("init",), ("init", "--dvc")])
def test_init_asks_before_it_makes_anything(tmp_path: Path, words: tuple[str, ...]) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "filter.x.clean", "evil")
    assert "`filter.x.clean`" in run_dvx(tmp_path, *words).err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".dvx", ".dvc"))]
    dvx(tmp_path, "trust", "--yes")
    dvx(tmp_path, *words)
    dvx(tmp_path, "status")


def test_without_a_home_to_write_to_the_cure_is_named(
    dialect_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(write(tmp_path / "file", "")))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    write(dialect_repo / "a", "a")
    dvx(dialect_repo, "add", "a")
    dvx(dialect_repo, "status")
    dvx(dialect_repo, "config", "cache.dir", str(tmp_path / "cache"))
    assert "run `dvx trust`" in run_dvx(dialect_repo, "status").err
    said = run_dvx(dialect_repo, "trust", "--yes").err
    assert "dvx could not record your trust" in said
    assert "set `XDG_STATE_HOME`" in said
    dvx(dialect_repo, "trust", "--revoke")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    dvx(dialect_repo, "trust", "--yes")
    dvx(dialect_repo, "status")


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
    assert demands(GitOption("core.sshcommand", "evil", 1)) == (Demand(Condition.NEVER),)
    assert demands(GitOption("core.sshcommand", "", 1)) == ()


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


@pytest.mark.parametrize("version", ["3", "4"])
def test_what_git_would_fetch_to_read_its_index_is_not_fetched(dialect_repo: Path, tmp_path: Path, version: str) -> None:
    folder = dialect_of(dialect_repo).folder
    for name in "abc":
        write(dialect_repo / f"z{name}/f", name)
    git(dialect_repo, "add", "--all")
    git(dialect_repo, "commit", "--quiet", "--message", "all")
    shutil.copytree(dialect_repo / folder, tmp_path / "kept")
    git(dialect_repo, "sparse-checkout", "set", "--cone", "--sparse-index", "za")
    git(dialect_repo, "update-index", "--index-version", version)
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


@pytest.mark.parametrize("place", ["refs/exps", "logs/refs/exps", "refs/dvx", "refs/exps/NN"])
def test_no_ref_is_written_behind_a_link(dialect_repo: Path, tmp_path: Path, place: str) -> None:
    write(dialect_repo / "params.yaml", "n: 1\n")
    commit_all(dialect_repo)
    git(dialect_repo, "init", "--quiet", "--bare", "../origin.git")
    git(dialect_repo, "config", "core.logAllRefUpdates", "always")
    dvx(dialect_repo, "exp", "save", "--name", "there")
    dvx(dialect_repo, "exp", "push", "../origin.git", "there")
    dvx(dialect_repo, "exp", "remove", "there")
    (tmp_path / "mine").mkdir()
    link = dialect_repo / ".git" / place.replace("NN", git(dialect_repo, "rev-parse", "HEAD")[:2])
    shutil.rmtree(link, ignore_errors=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "mine")
    write(dialect_repo / "params.yaml", "n: 2\n")
    for words in (("exp", "save", "--name", "one"), ("exp", "pull", "../origin.git", "there"), ("exp", "run", "--queue")):
        result = run_dvx(dialect_repo, *words)
        assert "Traceback" not in result.err
        assert result.code == 0 or "is a symbolic link" in result.err or "no pipeline" in result.err or "stage" in result.err, (
            result.err
        )
        assert list((tmp_path / "mine").iterdir()) == [], words


# --- repositories that lie elsewhere


def elsewhere(folder: Path) -> Path:
    """Another repository of the user's."""
    other = folder.parent / "other"
    git(folder, "init", "--quiet", str(other))
    git(other, "commit", "--quiet", "--allow-empty", "-m", "mine")
    return other


@pytest.mark.parametrize("how", ["file", "link", "commondir", "work tree of the other"])
def test_another_repository_of_yours_is_not_taken_for_that_of_an_archive(dialect_repo: Path, how: str) -> None:
    other = elsewhere(dialect_repo)
    before = git(other, "for-each-ref")
    place = dialect_repo / ".git"
    if how == "commondir":
        write(place / "commondir", f"{other}/.git\n")
    else:
        shutil.rmtree(place)
        if how == "link":
            place.symlink_to(other / ".git")
        elif how == "file":
            write(place, f"gitdir: {other}/.git\n")
        else:
            git(other, "worktree", "add", "--quiet", str(other.parent / "linked"))
            write(place, (other.parent / "linked/.git").read_text())
    for words in (("exp", "save", "-n", "x"), ("exp", "list")):
        result = run_dvx(dialect_repo, *words)
        assert result.code
        assert "does not know it" in result.err
        assert str(other / ".git") in result.err
        assert "run `dvx trust`" in result.err
    assert "refs/exps" not in git(other, "for-each-ref")
    assert before in git(other, "for-each-ref")
    assert f".git = {other}/.git" in dvx(dialect_repo, "trust", "--yes").out
    dvx(dialect_repo, "exp", "list")


@pytest.mark.parametrize("how", ["work tree", "moved work tree", "relative work tree", "submodule", "below", "through a link"])
def test_work_trees_and_submodules_are_what_git_makes_them(dialect_repo: Path, how: str) -> None:
    commit_all(dialect_repo)
    here = dialect_repo.parent / "linked"
    if how == "submodule":
        top = elsewhere(dialect_repo)
        git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(dialect_repo), "sub")
        here = top / "sub"
    elif how in ("below", "through a link"):
        write(dialect_repo / "sub/f", "1\n")
        here = dialect_repo / "sub"
        if how == "through a link":
            here = dialect_repo.parent / "link"
            here.symlink_to(dialect_repo)
    else:
        git(dialect_repo, "worktree", "add", "--quiet", str(here))
    if how == "relative work tree":
        folder = dialect_repo / ".git/worktrees/linked"
        write(folder / "gitdir", "../../../../linked/.git\n")
    if how == "moved work tree":
        git(dialect_repo, "worktree", "move", str(here), str(here.with_name("moved")))
        here = here.with_name("moved")
    dvx(here, "exp", "list")
    assert "Nothing in this repository needs your trust." in dvx(here, "trust").err
