"""config and remote on the command line: what is printed, exit codes, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.cli.commands import COMMANDS
from dvx.model.setup.options import REACHED, UNREACHED
from dvx.store.remotes.schemes import SCHEMES
from tests.helpers import ROOT, commit_all, dialect_of, dvx, git, run_dvx, tree, write

REMOTE_COMMANDS = [name for name in COMMANDS if name.startswith("remote ")]


def config_of(project: Path) -> str:
    return (project / dialect_of(project).folder / "config").read_text()


def test_a_remote_is_added_listed_changed_and_removed(dialect_repo: Path):
    before = config_of(dialect_repo)
    added = dvx(dialect_repo, "remote", "add", "-d", "Store", "s3://bucket/data")
    assert added.out == ""
    assert "Setting 'store' as a default remote." in added.err
    dvx(dialect_repo, "remote", "add", "local", "../elsewhere")
    dvx(dialect_repo, "remote", "modify", "store", "endpointurl", "http://localhost:9000")
    assert dvx(dialect_repo, "remote", "default").out == "store\n"
    elsewhere = dialect_repo.parent / "elsewhere"
    assert dvx(dialect_repo, "remote", "list").out == f"store   s3://bucket/data        (default)\nlocal   {elsewhere}\n"
    assert dvx(dialect_repo, "remote", "list", "--json").json == [
        {"name": "store", "url": "s3://bucket/data", "default": True},
        {"name": "local", "url": str(elsewhere), "default": False},
    ]
    assert config_of(dialect_repo).endswith(
        "    remote = store\n"
        "['remote \"store\"']\n    url = s3://bucket/data\n    endpointurl = http://localhost:9000\n"
        "['remote \"local\"']\n    url = ../../elsewhere\n"
    )
    dvx(dialect_repo, "remote", "rename", "local", "disk")
    dvx(dialect_repo, "remote", "default", "disk")
    dvx(dialect_repo, "remote", "modify", "store", "endpointurl", "--unset")
    dvx(dialect_repo, "remote", "modify", "store", "endpointurl", "--unset")
    dvx(dialect_repo, "remote", "remove", "store")
    dvx(dialect_repo, "remote", "remove", "disk")
    assert config_of(dialect_repo) in (before, "\n")
    assert dvx(dialect_repo, "remote", "list").out == ""
    assert dvx(dialect_repo, "remote", "list", "--json").json == []


def test_a_remote_is_not_replaced_without_force(dialect_repo: Path):
    dvx(dialect_repo, "remote", "add", "a", "/one")
    refused = run_dvx(dialect_repo, "remote", "add", "a", "/two")
    assert refused.code == dialect_of(dialect_repo).exit_codes.config
    assert "error: there is a remote `a` already\nhint: replace it with `--force`" in refused.err
    assert "url = /one\n" in config_of(dialect_repo)
    dvx(dialect_repo, "remote", "add", "-f", "a", "/two")
    assert "url = /two\n" in config_of(dialect_repo)


def test_dvc_exit_codes(dvc_like: Path):
    assert run_dvx(dvc_like, "remote", "remove", "nope").code == 251
    assert run_dvx(dvc_like, "config", "core.nope", "1").code == 251
    assert run_dvx(dvc_like, "config", "core.autostage", "maybe").code == 251
    assert run_dvx(dvc_like, "config", "--local", "core.remote").code == 251
    assert run_dvx(dvc_like, "config", "nope").code == 254
    unset = run_dvx(dvc_like, "config", "core.remote")
    assert (unset.code, unset.out) == (0, "")
    write(dvc_like / ".dvc/config", "[core\n")
    assert run_dvx(dvc_like, "config", "core.remote").code == 251


@pytest.mark.parametrize("words", ["remove storge", "rename storge x", "modify storge jobs 2", "default storge"])
def test_an_unknown_remote_is_told_with_the_nearest(native: Path, words: str):
    dvx(native, "remote", "add", "storage", "/x")
    result = run_dvx(native, "remote", *words.split())
    assert result.code == 1
    assert result.err == "error: there is no remote `storge`\nhint: did you mean `storage`?\n"


def test_options_are_shown_changed_and_removed(dialect_repo: Path):
    folder = dialect_of(dialect_repo).folder
    assert dvx(dialect_repo, "config", "core.autostage", "true").out == ""
    dvx(dialect_repo, "config", "--local", "Core.Checksum_Jobs", "2")
    assert dvx(dialect_repo, "config", "core.autostage").out == "true\n"
    assert dvx(dialect_repo, "config", "--show-origin", "core.checksum_jobs").out == f"{folder}/config.local\t2\n"
    listed = dvx(dialect_repo, "config", "--list", "--show-origin").out.splitlines()
    assert listed[-2:] == [f"{folder}/config\tcore.autostage=true", f"{folder}/config.local\tcore.checksum_jobs=2"]
    assert dvx(dialect_repo, "config", "-l", "--local").out == "core.checksum_jobs=2\n"
    assert dvx(dialect_repo, "config", "-l", "--local", "--json").json == [
        {"name": "core.checksum_jobs", "value": "2", "level": "local", "file": f"{folder}/config.local"}
    ]
    assert dvx(dialect_repo, "config", "core.autostage", "--json").json == "true"
    dvx(dialect_repo, "config", "-u", "core.autostage")
    assert dvx(dialect_repo, "config", "core.autostage").out == ""
    again = run_dvx(dialect_repo, "config", "-u", "core.autostage")
    assert again.code == dialect_of(dialect_repo).exit_codes.config
    assert f"`core.autostage` is not set in `{folder}/config`" in again.err


def test_an_unknown_option_is_told_with_the_nearest(native: Path):
    result = run_dvx(native, "config", "core.autostge", "true")
    assert result.code == 1
    assert result.err == "error: unknown option `core.autostge`\nhint: did you mean `autostage`?\n"
    dvx(native, "remote", "add", "a", "s3://b")
    assert "did you mean `region`?" in run_dvx(native, "remote", "modify", "a", "regoin", "eu").err


def test_words_that_do_not_go_together(native: Path):
    for words in (
        ["config"],
        ["config", "--list", "core.remote"],
        ["config", "--list", "--unset"],
        ["config", "--show-origin", "core.remote", "x"],
        ["config", "--global", "--local", "core.remote"],
        ["remote", "modify", "a", "url"],
        ["remote", "add", "a"],
    ):
        assert run_dvx(native, *words).code == 2, words


def test_wrong_configuration_stops_commands_and_can_be_mended(native: Path):
    write(native / ".dvx/config.local", "# mine\n[core]\n    autostage = maybe\n")
    result = run_dvx(native, "status")
    assert result.code == 1
    assert ".dvx/config.local:3: error: `core.autostage` is `true` or `false`, not `maybe`\nhint: " in result.err
    dvx(native, "config", "--local", "core.autostage", "false")
    assert (native / ".dvx/config.local").read_text() == "# mine\n[core]\n    autostage = false\n"
    dvx(native, "status")


def test_outside_of_a_repository(tmp_path: Path, home: Path):
    dvx(tmp_path, "config", "--global", "core.autostage", "true")
    assert (home / ".config/dvx/config").read_text() == "[core]\n    autostage = true\n"
    assert dvx(tmp_path, "config", "core.autostage").out == "true\n"
    assert dvx(tmp_path, "config", "--list").out == "core.autostage=true\n"
    for words in (["core.remote", "a"], ["--local", "core.remote"], ["-l", "--project"]):
        refused = run_dvx(tmp_path, "config", *words)
        assert refused.code == 1
        assert "this is not a repository" in refused.err
        assert "`--global`" in refused.err


def test_the_users_file_is_that_of_the_dialect(dvc_like: Path, home: Path):
    dvx(dvc_like, "config", "--global", "core.autostage", "true")
    assert (home / ".config/dvc/config").read_text() == "[core]\n    autostage = true\n"
    assert not (home / ".config/dvx").exists()


SECRETS = {
    "s3://b": ("access_key_id", "secret_access_key", "session_token", "sse_customer_key"),
    "azure://c/x": ("connection_string", "sas_token", "account_key", "client_secret"),
    "ssh://h/x": ("password", "passphrase"),
    "webdavs://h/x": ("password", "token", "custom_auth_header"),
}


def test_secrets_are_neither_tracked_nor_printed(dialect_repo: Path):
    folder = dialect_of(dialect_repo).folder
    said = ""
    for number, (url, options) in enumerate(SECRETS.items()):
        dvx(dialect_repo, "remote", "add", f"r{number}", url)
        for option in options:
            done = dvx(dialect_repo, "remote", "modify", f"r{number}", option, "CANARY")
            assert f"`remote.r{number}.{option}` is a secret, so it is kept in `{folder}/config.local`" in done.err
            said += done.out + done.err
    for words in (
        ["remote", "add", "with-password", "https://ada:CANARY@host/x?sig=CANARY"],
        ["config", "db.sales.password", "CANARY"],
        ["config", "remote.r0.endpointurl", "http://ada:CANARY@host"],
        ["config", "--list"],
        ["config", "--list", "--json"],
        ["config", "--list", "--show-origin"],
        ["remote", "list"],
        ["remote", "list", "--json"],
    ):
        done = dvx(dialect_repo, *words)
        said += done.out + done.err
    assert "CANARY" not in said
    assert "remote.r0.session_token=***" in said
    assert "https://ada:***@host/x?sig=***" in said
    private = dialect_repo / folder / "config.local"
    assert private.read_text().count("CANARY") == 17
    assert private.stat().st_mode & 0o777 == 0o600
    commit_all(dialect_repo)
    assert "CANARY" not in git(dialect_repo, "log", "--patch", "--all")
    assert [name for name, data in tree(dialect_repo).items() if b"CANARY" in data] == [f"{folder}/config.local"]
    assert dvx(dialect_repo, "config", "remote.r0.session_token").out == "CANARY\n"
    dvx(dialect_repo, "remote", "modify", "r0", "session_token", "--unset")
    assert dvx(dialect_repo, "config", "remote.r0.session_token").out == ""


def test_a_secret_that_is_tracked_already_is_told(dvc_like: Path):
    write(dvc_like / ".dvc/config", "['remote \"a\"']\n    url = s3://b\n    session_token = OLD\n")
    done = dvx(dvc_like, "remote", "modify", "a", "session_token", "NEW")
    assert "an older value is still in `.dvc/config`, which Git tracks" in done.err
    assert "OLD" not in done.err
    dvx(dvc_like, "remote", "modify", "a", "session_token", "--unset")
    assert config_of(dvc_like) == "['remote \"a\"']\n    url = s3://b\n"


def test_what_another_file_overrides_is_told(native: Path):
    dvx(native, "remote", "add", "a", "/a")
    dvx(native, "config", "--local", "core.remote", "b")
    assert "`core.remote` is also set in `.dvx/config.local`, which wins" in dvx(native, "remote", "default", "a").err


def test_the_weak_hash_is_told_once_with_the_first_remote(new_project):
    weak, strong, dvc = new_project("weak"), new_project("strong", "--hash", "blake3"), new_project("dvc", "--dvc")
    first = dvx(weak, "remote", "add", "a", "/a").err
    assert "`xxh128`" in first
    assert "`dvx migrate --hash blake3`" in first
    assert "xxh128" not in dvx(weak, "remote", "add", "b", "/b").err
    assert dvx(strong, "remote", "add", "a", "/a").err == ""
    assert dvx(dvc, "remote", "add", "a", "/a").err == ""


def test_there_is_no_default_remote(native: Path):
    result = run_dvx(native, "remote", "default")
    assert (result.code, result.out) == (1, "")
    assert "there is no default remote" in result.err
    dvx(native, "remote", "add", "-d", "a", "/a")
    dvx(native, "remote", "default", "--unset")
    assert run_dvx(native, "remote", "default").code == 1


@pytest.mark.parametrize("command", ["config", *REMOTE_COMMANDS])
def test_help_has_an_example(tmp_path: Path, command: str):
    text = dvx(tmp_path, *command.split(), "--help").out
    assert "Example:" in text
    assert f"dvx {command}" in text


def test_an_option_does_not_make_a_remote(dialect_repo: Path):
    dvx(dialect_repo, "remote", "add", "foo", "/x")
    before = config_of(dialect_repo)
    for words in (["url", "/y"], ["jobs", "2"], ["jobs", "--unset"]):
        result = run_dvx(dialect_repo, "remote", "modify", "fo", *words)
        assert result.code == dialect_of(dialect_repo).exit_codes.config
        assert result.err == "error: there is no remote `fo`\nhint: did you mean `foo`?\n"
    assert config_of(dialect_repo) == before
    dvx(dialect_repo, "remote", "modify", "--local", "foo", "url", "/z")
    assert dvx(dialect_repo, "remote", "list").out == "foo     /z\n"


def test_a_remote_of_which_only_options_are_known_gets_its_url(native: Path):
    write(native / ".dvx/config.local", "['remote \"a\"']\n    jobs = 2\n")
    dvx(native, "remote", "modify", "a", "url", "/x")
    assert dvx(native, "remote", "list").out == "a       /x\n"


def test_a_secret_of_another_kind_of_remote_is_refused_before_it_is_kept(dialect_repo: Path):
    dvx(dialect_repo, "remote", "add", "foo", "/x")
    files = tree(dialect_repo)
    result = run_dvx(dialect_repo, "remote", "modify", "foo", "access_key_id", "123")
    assert result.err == (
        "error: unknown option `remote.foo.access_key_id`\nhint: `access_key_id` is an option of `s3://` remotes\n"
    )
    assert tree(dialect_repo) == files
    dvx(dialect_repo, "remote", "add", "cloud", "s3://bucket")
    links = run_dvx(dialect_repo, "remote", "modify", "cloud", "type", "copy")
    assert links.err.endswith("hint: `type` is an option of folder, `ssh://` remotes\n")
    typing = run_dvx(dialect_repo, "remote", "modify", "cloud", "profil", "x")
    assert typing.err.endswith("hint: did you mean `profile`?\n")


@pytest.mark.parametrize("url", ["s3://", "s3:///path", "S3://", "gs://", "ssh://"])
def test_a_url_without_a_bucket_is_refused(dialect_repo: Path, url: str):
    before = config_of(dialect_repo)
    result = run_dvx(dialect_repo, "remote", "add", "x", url)
    assert result.code == dialect_of(dialect_repo).exit_codes.config
    assert result.err == f"error: the url `{url}` names no bucket or host\nhint: give one, as in `s3://bucket/path`\n"
    assert config_of(dialect_repo) == before
    dvx(dialect_repo, "remote", "add", "x", "../path")
    refused = run_dvx(dialect_repo, "remote", "modify", "x", "url", url)
    assert "names no bucket or host" in refused.err


@pytest.mark.parametrize("url", ["hdfs:///path", "webhdfs://host/path", "oss://bucket/path", "gdrive://id/path", "OSS://bucket"])
def test_a_kind_of_remote_that_push_would_refuse_is_refused_at_once(dialect_repo: Path, url: str):
    before = config_of(dialect_repo)
    told = run_dvx(dialect_repo, "remote", "add", "x", url)
    assert told.code == dialect_of(dialect_repo).exit_codes.config
    assert told.err.startswith(f"error: dvx does not reach `{url.partition(':')[0].lower()}://` remotes: ")
    assert "hint: " in told.err
    assert config_of(dialect_repo) == before
    dvx(dialect_repo, "remote", "add", "x", "../store")
    assert "does not reach" in run_dvx(dialect_repo, "remote", "modify", "x", "url", url).err
    # what DVC wrote is read, and refused where it is needed
    file = dialect_repo / dialect_of(dialect_repo).folder / "config"
    file.write_text(f"[core]\n    remote = cloud\n['remote \"cloud\"']\n    url = {url}\n    jobs = 2\n")
    dvx(dialect_repo, "remote", "list")
    dvx(dialect_repo, "status")
    (dialect_repo / "f").write_text("1")
    dvx(dialect_repo, "add", "f")
    for words in (("push",), ("import-url", url), ("doctor",)):
        result = run_dvx(dialect_repo, *words)
        assert result.code != 0
        assert "does not reach" in result.out + result.err


def test_kinds_of_remotes_have_one_table(dialect_repo: Path):
    assert {scheme for scheme in REACHED if scheme} == SCHEMES.keys() - {"memory"}
    assert not UNREACHED.keys() & SCHEMES.keys()
    told = run_dvx(dialect_repo, "get-url", "nope://x/y").err
    assert all(f"{scheme}" in told for scheme in REACHED)
    assert not any(scheme in told for scheme in UNREACHED)
    table = (ROOT / "docs/remotes.md").read_text()
    assert all(f"`{scheme}://" in table for scheme in REACHED if scheme)
