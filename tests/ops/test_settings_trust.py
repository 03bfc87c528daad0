"""Facts about settings that have power: they count only where this user gave or trusted them on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from dvx.config import Config, environment, trust
from dvx.errors import ConfigError
from dvx.model.setup.options import REACHED, REMOTES, ValueKind
from tests.helpers import Result, commit_all, dialect_of, dvx, git, run_dvx, run_process, write

COMMAND = "['remote \"store\"']\n    bearer_token_command = touch {canary}\n"
REMOTE = "[core]\n    remote = store\n['remote \"store\"']\n    url = {url}\n"
NOWHERE = "webdav://127.0.0.1:1/x"
BUCKET = "s3://bucket/x"
AWS = "[default]\ncredential_process = touch {canary}\n"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def local(repo: Path) -> Path:
    return repo / dialect_of(repo).folder / "config.local"


def with_remote(repo: Path, url: str = NOWHERE, more: str = "") -> None:
    """The tracked configuration as a stranger would have written it; there is something to push."""
    old = (repo / dialect_of(repo).folder / "config").read_text()
    write(repo / dialect_of(repo).folder / "config", old.replace("[core]\n", "", 1) + REMOTE.format(url=url) + more)
    if "hash =" in old:
        write(repo / dialect_of(repo).folder / "config", "[core]\n    hash = xxh128\n    remote = store\n" + _section(url) + more)
    write(repo / "data", "1\n")
    dvx(repo, "add", "data")


def _section(url: str) -> str:
    return f"['remote \"store\"']\n    url = {url}\n"


def push(repo: Path) -> Result:
    return run_dvx(repo, "push")


def refused(result: Result, option: str = "remote.store.bearer_token_command") -> bool:
    return result.code != 0 and f"`{option}` can run a command" in result.err


def test_a_command_in_an_untracked_private_file_is_not_run(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo)
    write(local(dialect_repo), COMMAND.format(canary=canary))
    result = push(dialect_repo)
    assert refused(result)
    assert "dvx trust" in result.err
    assert not canary.exists()
    dvx(dialect_repo, "trust", "--yes")
    assert not refused(push(dialect_repo))
    assert canary.exists()


def test_trust_ends_with_any_change_of_the_file(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo)
    write(local(dialect_repo), COMMAND.format(canary=canary))
    dvx(dialect_repo, "trust", "--yes")
    text = local(dialect_repo).read_text()
    local(dialect_repo).write_text(text.replace("touch", "touch -c"))
    assert "has changed since you trusted it" in push(dialect_repo).err
    # the same bytes in another file
    write(local(dialect_repo).with_name("other"), text)
    os.replace(local(dialect_repo).with_name("other"), local(dialect_repo))
    assert refused(push(dialect_repo))
    assert not canary.exists()


def test_what_a_command_of_dvx_sets_is_trusted_but_not_what_stood_there(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo)
    dvx(dialect_repo, "remote", "modify", "--local", "store", "bearer_token_command", f"touch {canary}")
    assert not refused(push(dialect_repo))
    canary.unlink()
    dvx(dialect_repo, "remote", "modify", "--local", "store", "user", "ada")
    assert not refused(push(dialect_repo))
    assert canary.exists()
    canary.unlink()
    write(local(dialect_repo), COMMAND.format(canary=canary))
    dvx(dialect_repo, "remote", "modify", "--local", "store", "user", "eve")
    assert refused(push(dialect_repo))
    assert not canary.exists()


def test_a_tracked_file_never_names_a_command(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo, more=f"    bearer_token_command = touch {canary}\n")
    dvx(dialect_repo, "trust", "--yes")
    result = push(dialect_repo)
    assert refused(result)
    assert "dvx remote modify --local store bearer_token_command VALUE" in result.err
    assert not canary.exists()


@pytest.mark.parametrize("option", ["configpath", "credentialpath"])
def test_files_of_credentials_are_trusted_with_their_bytes(dialect_repo: Path, canary: Path, option: str):
    with_remote(dialect_repo, BUCKET, "    endpointurl = http://127.0.0.1:1\n")
    write(dialect_repo / "aws", "[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    dvx(dialect_repo, "remote", "modify", "--local", "store", option, "aws")
    assert not refused(push(dialect_repo), f"remote.store.{option}")
    write(dialect_repo / "aws", AWS.format(canary=canary))
    result = push(dialect_repo)
    assert refused(result, f"remote.store.{option}")
    assert "`aws` in the repository has changed" in result.err
    assert not canary.exists()


def test_a_link_on_the_way_to_a_file_of_credentials_counts(dialect_repo: Path, canary: Path, tmp_path: Path):
    with_remote(dialect_repo, BUCKET, "    endpointurl = http://127.0.0.1:1\n")
    write(tmp_path / "mine/aws", "[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    write(tmp_path / "theirs/aws", AWS.format(canary=canary))
    (dialect_repo / "folder").symlink_to(tmp_path / "mine")
    dvx(dialect_repo, "remote", "modify", "--local", "store", "configpath", "folder/aws")
    assert not refused(push(dialect_repo), "remote.store.configpath")
    (dialect_repo / "folder").unlink()
    (dialect_repo / "folder").symlink_to(tmp_path / "theirs")
    assert refused(push(dialect_repo), "remote.store.configpath")
    assert not canary.exists()


def test_no_scm_in_the_tracked_file_changes_nothing(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo)
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    config.write_text(config.read_text().replace("[core]\n", "[core]\n    no_scm = true\n"))
    write(local(dialect_repo), COMMAND.format(canary=canary))
    git(dialect_repo, "add", "--force", "--all")
    assert push(dialect_repo).code != 0
    assert not canary.exists()


def test_a_nested_project_brings_no_private_settings(dialect_repo: Path, new_project, canary: Path, tmp_path: Path):
    inner = new_project("inner", *(["--dvc"] if dialect_of(dialect_repo).folder == ".dvc" else []))
    with_remote(inner)
    shutil.rmtree(inner / dialect_of(inner).folder / "cache")
    commit_all(inner)
    write(local(inner), COMMAND.format(canary=canary))
    suffix = dialect_of(dialect_repo).pointer_suffix
    for url in ("../inner", "inner"):
        if url == "inner":
            shutil.move(inner, dialect_repo / "inner")
        assert run_dvx(dialect_repo, "import", url, "data", "-o", "got").code != 0
        pointer = f"deps:\n- path: data\n  repo:\n    url: {url}\nouts:\n- md5: {'a' * 32}\n  path: got\n"
        write(dialect_repo / f"got{suffix}", pointer)
        for words in (
            ("pull",),
            ("update", f"got{suffix}"),
            ("get", url, "data", "-o", "n"),
            ("ls", url),
            ("status", "--updates"),
        ):
            run_dvx(dialect_repo, *words)
        (dialect_repo / f"got{suffix}").unlink()
    assert not canary.exists()


def test_an_experiment_brings_no_private_files(dialect_repo: Path, canary: Path, tmp_path: Path):
    with_remote(dialect_repo)
    commit_all(dialect_repo)
    write(local(dialect_repo), COMMAND.format(canary=canary))
    git(dialect_repo, "add", "--force", str(local(dialect_repo)))
    evil = git(dialect_repo, "stash", "create")
    git(dialect_repo, "reset", "--hard", "--quiet")
    head = git(dialect_repo, "rev-parse", "HEAD")
    git(dialect_repo, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/evil", evil)
    result = run_dvx(dialect_repo, "exp", "apply", "evil")
    assert result.code != 0
    assert "takes from nobody else" in result.err
    assert not local(dialect_repo).exists()


def test_git_is_asked_to_run_nothing_that_the_repository_names(dialect_repo: Path, canary: Path):
    write(dialect_repo / "hooks/post-index-change", f"#!/bin/sh\ntouch {canary}\n").chmod(0o755)
    write(dialect_repo / "hooks/reference-transaction", f"#!/bin/sh\ntouch {canary}\n").chmod(0o755)
    write(dialect_repo / "data", "1\n")
    git(dialect_repo, "config", "core.hooksPath", "hooks")
    git(dialect_repo, "config", "core.fsmonitor", f"touch {canary}; false")
    dvx(dialect_repo, "config", "core.autostage", "true")
    for words in (("add", "data"), ("status",), ("data", "status"), ("diff",), ("exp", "save"), ("exp", "show"), ("ls", ".")):
        run_dvx(dialect_repo, *words)
    assert not canary.exists()


@pytest.mark.parametrize("place", ["PYTHONPATH", "-m"])
def test_no_module_is_imported_from_the_repository(native: Path, canary: Path, place: str):
    for name in ("yaml", "msgspec", "git", "sqlite3", "typer"):
        write(native / f"{name}.py", f"open({str(canary)!r}, 'w')\n")
    write(native / "dvx.yaml", "stages:\n  a:\n    cmd: python -c 'import typer'\n")
    before = os.environ["PYTHONPATH"]
    if place == "-m":
        result = run_process(native, sys.executable, "-m", "dvx", "status")
    else:
        result = run_process(native, sys.executable, "-P", "-m", "dvx", "status", env={"PYTHONPATH": f".{os.pathsep}{before}"})
    assert result.code == 0
    assert not canary.exists()


def test_a_cache_outside_needs_consent(dialect_repo: Path, tmp_path: Path):
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    before = config.read_text()
    write(tmp_path / "mine/files/letter", "mine\n")
    config.write_text(before + "[cache]\n    dir = ../../mine\n")
    for words in (("status",), ("add", "data"), ("gc", "-w", "-f"), ("fsck",)):
        result = run_dvx(dialect_repo, *words)
        assert result.code != 0
        assert "says where dvx writes" in result.err
    assert [path.name for path in tmp_path.glob("mine/**/*")] == ["files", "letter"]
    dvx(dialect_repo, "trust", "--yes")
    dvx(dialect_repo, "status")
    config.write_text(before + "[cache]\n    dir = ../../other\n")
    assert "says where dvx writes" in run_dvx(dialect_repo, "status").err
    config.write_text(before)
    dvx(dialect_repo, "cache", "dir", "../mine")
    dvx(dialect_repo, "status")


def test_a_cache_in_the_project_is_nobodys_business_unless_a_link_leads_out(dialect_repo: Path, tmp_path: Path):
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    before = config.read_text()
    config.write_text(before + "[cache]\n    dir = ../objects\n")
    write(dialect_repo / "data", "1\n")
    dvx(dialect_repo, "add", "data")
    (tmp_path / "mine").mkdir()
    (dialect_repo / "link").symlink_to(tmp_path / "mine")
    config.write_text(before + "[cache]\n    dir = ../link\n")
    assert "says where dvx writes" in run_dvx(dialect_repo, "status").err
    config.write_text(before + "[cache]\n    dir = ../.git/objects\n")
    assert "says where dvx writes" in run_dvx(dialect_repo, "status").err
    config.write_text(before + "[cache]\n    dir = ../objects\n")
    shutil.rmtree(dialect_repo / "objects/files")
    (dialect_repo / "objects/files").symlink_to(tmp_path / "mine")
    assert "is a symbolic link" in run_dvx(dialect_repo, "status").err
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_database_of_the_repository_needs_consent(dialect_repo: Path):
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    config.write_text(config.read_text() + "['db \"d\"']\n    url = sqlite:///x.db\n")
    assert "says which database" in run_dvx(dialect_repo, "import-db", "--sql", "select 1", "--conn", "d").err
    assert not (dialect_repo / "x.db").exists()
    dvx(dialect_repo, "config", "db.d.url", "sqlite:///x.db")
    assert "says which database" not in run_dvx(dialect_repo, "import-db", "--sql", "select 1", "--conn", "d").err


def test_another_clone_in_the_same_place_is_not_trusted(dialect_repo: Path, canary: Path, tmp_path: Path):
    with_remote(dialect_repo)
    write(local(dialect_repo), COMMAND.format(canary=canary))
    dvx(dialect_repo, "trust", "--yes")
    shutil.copytree(dialect_repo, tmp_path / "copy")
    dialect_repo.rename(tmp_path / "old")
    (tmp_path / "copy").rename(dialect_repo)
    assert refused(push(dialect_repo))
    assert not canary.exists()


def test_trust_that_was_damaged_is_no_trust(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo)
    write(local(dialect_repo), COMMAND.format(canary=canary))
    dvx(dialect_repo, "trust", "--yes")
    record = Path(trust.folder_of(str(dialect_repo), environment())) / "trust.json"
    assert record.stat().st_mode & 0o777 == 0o600
    for text in (b"", b"{", b"[]", b"\xff", record.read_bytes().replace(b'"inode"', b'"node"'), b'{"root": 1, "inode": 2}'):
        record.write_bytes(text)
        assert refused(push(dialect_repo)), text
    assert not canary.exists()


def test_a_work_tree_of_an_experiment_has_the_trust_of_its_project(dialect_repo: Path, canary: Path):
    with_remote(dialect_repo)
    dvx(dialect_repo, "remote", "modify", "--local", "store", "bearer_token_command", f"touch {canary}")
    words = "dvx push -q; test -e " + str(canary) + " && echo 1 > out"
    write(dialect_repo / dialect_of(dialect_repo).pipeline, f"stages:\n  a:\n    cmd: {words}\n    outs: [out]\n")
    commit_all(dialect_repo)
    dvx(dialect_repo, "exp", "run", "--temp", "-n", "one")
    assert canary.exists()
    record = Path(trust.folder_of(str(dialect_repo), environment())) / "trust.json"
    assert "rooms" not in record.read_text()


@pytest.mark.parametrize("option", ["bearer_token_command", "configpath", "ask_password", "keyfile", "password"])
def test_a_pointer_sets_no_option_with_power(dialect_repo: Path, canary: Path, option: str):
    write(dialect_repo / "aws", AWS.format(canary=canary))
    value = f"touch {canary}" if option == "bearer_token_command" else "aws"
    url = BUCKET if option == "configpath" else NOWHERE
    pointer = f"deps:\n- path: {url}\n  etag: x\n  fs_config:\n    {option}: {value}\nouts:\n- md5: {'a' * 32}\n  path: got\n"
    name = f"got{dialect_of(dialect_repo).pointer_suffix}"
    write(dialect_repo / name, pointer)
    for words in (("status", "--updates"), ("pull",), ("update", name)):
        assert not canary.exists(), words
        run_dvx(dialect_repo, *words)
    assert f"sets `{option}`" in run_dvx(dialect_repo, "update", name).err
    assert (
        "would stand in a file that Git tracks"
        in run_dvx(dialect_repo, "import-url", url, "--fs-config", f"{option}={value}").err
    )
    assert not canary.exists()


def test_a_pointer_sets_no_option_of_the_users_remote(dialect_repo: Path):
    with_remote(dialect_repo)
    source = "deps:\n- path: remote://store/x\n  etag: x\n  fs_config:\n    ssl_verify: false\n"
    pointer = f"{source}outs:\n- md5: {'a' * 32}\n  path: got\n"
    name = f"got{dialect_of(dialect_repo).pointer_suffix}"
    write(dialect_repo / name, pointer)
    assert "would go with your credentials for `store`" in run_dvx(dialect_repo, "update", name).err


def test_credentials_are_for_the_server_that_they_were_given_for(dialect_repo: Path):
    with_remote(dialect_repo)
    dvx(dialect_repo, "remote", "modify", "--local", "store", "password", "hunter2")
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    before = config.read_text()
    assert "leads to another server" not in push(dialect_repo).err
    for other in ("webdav://127.0.0.2:1/x", "webdavs://127.0.0.1:1/x", "webdav://127.0.0.1:2/x", "http://127.0.0.1:1/x"):
        config.write_text(before.replace(NOWHERE, other))
        assert "leads to another server now" in push(dialect_repo).err, other
    config.write_text(before.replace(NOWHERE, NOWHERE + "/elsewhere"))
    assert "leads to another server" not in push(dialect_repo).err
    config.write_text(before.replace(NOWHERE, "webdav://127.0.0.2:1/x"))
    dvx(dialect_repo, "trust", "--yes")
    assert "leads to another server" not in push(dialect_repo).err


def test_credentials_that_stood_there_are_for_the_first_server_that_they_are_used_with(dialect_repo: Path):
    with_remote(dialect_repo)
    write(local(dialect_repo), "['remote \"store\"']\n    password = hunter2\n")
    config = dialect_repo / dialect_of(dialect_repo).folder / "config"
    before = config.read_text()
    assert "leads to another server" not in push(dialect_repo).err
    config.write_text(before.replace(NOWHERE, "webdav://127.0.0.2:1/x"))
    assert "leads to another server now" in push(dialect_repo).err


def test_credentials_for_all_projects_go_to_no_server_that_a_repository_chose(dialect_repo: Path, home: Path):
    with_remote(dialect_repo, "webdav://127.0.0.1:1/evil")
    place = home / (".config/dvx" if dialect_of(dialect_repo).folder == ".dvx" else ".config/dvc") / "config"
    write(place, "['remote \"store\"']\n    user = victim\n    password = s3cret\n")
    result = push(dialect_repo)
    assert result.code != 0
    assert "a server that the repository chose" in result.err
    dvx(dialect_repo, "trust", "--yes")
    assert "a server that the repository chose" not in push(dialect_repo).err


def test_setting_a_command_trusts_nothing_else_in_the_file(dialect_repo: Path, tmp_path: Path):
    with_remote(dialect_repo)
    write(local(dialect_repo), f"[cache]\n    dir = {tmp_path}/theirs\n")
    assert run_dvx(dialect_repo, "status").code != 0
    run_dvx(dialect_repo, "remote", "modify", "--local", "store", "bearer_token_command", "true")
    assert "says where dvx writes" in run_dvx(dialect_repo, "status").err


def test_pages_are_not_written_outside_by_way_of_a_link(native: Path, tmp_path: Path):
    (native / "a/b/c").mkdir(parents=True)
    (native / "l").symlink_to("a/b/c")
    config = native / ".dvx/config"
    config.write_text(config.read_text() + "[plots]\n    out_dir = l/../../escaped\n")
    write(native / "m.csv", "x,y\n1,2\n")
    write(native / "dvx.yaml", "plots:\n- m.csv\n")
    result = run_dvx(native, "plots", "show")
    assert result.code != 0
    assert not (tmp_path / "escaped").exists()
    assert not (native.parent / "escaped").exists()


def test_an_ignore_file_that_is_a_link_is_not_followed(dialect_repo: Path, tmp_path: Path):
    write(tmp_path / "secret", "mine\n")
    (dialect_repo / "d").mkdir()
    (dialect_repo / "d/.gitignore").symlink_to(tmp_path / "secret")
    write(dialect_repo / "d/f", "1\n")
    assert "is a symbolic link" in run_dvx(dialect_repo, "add", "d/f").err
    assert (dialect_repo / "d/.gitignore").is_symlink()


# what a tracked file may say of a remote whose URL is the user's own: wherever its data goes, it goes there all the same
_HARMLESS = {
    "": "jobs checksum_jobs no_traverse verify type protected slow_link_warning",
    "s3": "jobs checksum_jobs no_traverse verify listobjects cache_regions read_timeout connect_timeout",
    "gs": "jobs checksum_jobs no_traverse verify",
    "azure": "jobs checksum_jobs no_traverse verify timeout read_timeout connection_timeout",
    "ssh": "jobs checksum_jobs no_traverse verify timeout max_sessions type",
    "http": "jobs checksum_jobs no_traverse verify connect_timeout read_timeout",
    "https": "jobs checksum_jobs no_traverse verify connect_timeout read_timeout",
    "webdav": "jobs checksum_jobs no_traverse verify timeout",
    "webdavs": "jobs checksum_jobs no_traverse verify timeout",
}


@pytest.mark.parametrize("way", ["named", "built on"])
@pytest.mark.parametrize("scheme", REACHED)
def test_a_repository_steers_no_remote_of_the_users(dialect_repo: Path, tmp_path: Path, scheme: str, way: str):
    dialect = dialect_of(dialect_repo)
    url = f"{scheme}://example.org/x" if scheme else str(tmp_path / "own")
    dvx(dialect_repo, "remote", "add", "--global", "own", url)
    section = "['remote \"own\"']\n" if way == "named" else "['remote \"theirs\"']\n    url = remote://own/below\n"
    taken = set()
    for name, option in REMOTES[scheme].items():
        value = {ValueKind.FLAG: "true", ValueKind.TEXT: "text", ValueKind.LINKS: "copy"}.get(option.kind, "7")
        value = option.choices[0] if option.choices else value
        write(dialect_repo / dialect.folder / "config", f"{section}    {name} = {value}\n" if name != "url" else section)
        config = Config.read(str(dialect_repo), dialect, environment())
        refusal = _refusal(config, "own" if way == "named" else "theirs")
        if refusal is None:
            taken.add(name)
        else:
            assert f".{name}` " in refusal.message
            assert "dvx trust" in refusal.hint or "dvx remote modify --local" in refusal.hint
    assert taken == {"url", *_HARMLESS[scheme].split()}


def _refusal(config: Config, remote: str) -> ConfigError | None:
    try:
        config.remote(remote)
    except ConfigError as error:
        return error
    return None


def test_what_steers_a_remote_of_the_users_is_taken_once_they_agreed(dialect_repo: Path, home: Path):
    dvx(dialect_repo, "remote", "add", "--global", "-d", "own", "https://127.0.0.1:1/x")
    write(dialect_repo / "data", "1\n")
    dvx(dialect_repo, "add", "data")
    place = dialect_repo / dialect_of(dialect_repo).folder / "config"
    before = place.read_text()
    place.write_text(before + "['remote \"own\"']\n    ssl_verify = false\n")
    refused = push(dialect_repo)
    assert "`remote.own.ssl_verify` is `false` in a file of the repository" in refused.err
    assert f"{dialect_of(dialect_repo).folder}/config:" in refused.err
    assert "remote.own.ssl_verify = false" in dvx(dialect_repo, "trust", "--list").out
    dvx(dialect_repo, "trust", "--yes")
    assert "in a file of the repository" not in push(dialect_repo).err
    dvx(dialect_repo, "trust", "--revoke")
    assert "in a file of the repository" in push(dialect_repo).err
    # whoever sets it by a command agrees to it
    place.write_text(before)
    dvx(dialect_repo, "remote", "modify", "--project", "own", "ssl_verify", "false")
    assert "ssl_verify = false" in place.read_text()
    assert "in a file of the repository" not in push(dialect_repo).err


def test_a_url_that_the_user_overrides_keeps_what_they_set_themselves(dialect_repo: Path):
    dvx(dialect_repo, "remote", "add", "-d", "store", "s3://theirs/x")
    dvx(dialect_repo, "remote", "modify", "store", "region", "eu-west-1")
    dvx(dialect_repo, "remote", "modify", "--local", "store", "url", "s3://mine/x")
    config = Config.read(str(dialect_repo), dialect_of(dialect_repo), environment())
    assert config.remote().options == {"region": "eu-west-1"}
    dvx(dialect_repo, "trust", "--revoke")
    dvx(dialect_repo, "remote", "modify", "--local", "store", "url", "s3://mine/x")
    with pytest.raises(ConfigError, match="but the remote is your own"):
        config.remote()


@pytest.mark.parametrize("option", ["ssl_verify = false", "use_ssl = false", "endpointurl = https://127.0.0.1:2"])
def test_a_tracked_file_does_not_weaken_the_way_of_credentials(dialect_repo: Path, option: str):
    with_remote(dialect_repo, BUCKET, "    endpointurl = https://127.0.0.1:1\n")
    dvx(dialect_repo, "remote", "modify", "--local", "store", "access_key_id", "me")
    dvx(dialect_repo, "remote", "modify", "--local", "store", "secret_access_key", "secret")
    assert "another server" not in push(dialect_repo).err
    place = dialect_repo / dialect_of(dialect_repo).folder / "config"
    text = place.read_text()
    place.write_text(
        text.replace("    endpointurl = https://127.0.0.1:1\n", "") + f"    {option}\n"
        if "url" in option
        else text + f"    {option}\n"
    )
    refused = push(dialect_repo)
    assert "leads to another server now" in refused.err
    assert "run `dvx trust`" in refused.err
    dvx(dialect_repo, "trust", "--yes")
    assert "another server" not in push(dialect_repo).err
