"""Config in real folders: levels, places, remotes, and edits that lose nothing."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from dvx.config import Config, environment, find_root
from dvx.config.places import home_folder
from dvx.errors import ConfigError, UnknownTarget
from dvx.model.dialect import DVC, NATIVE
from dvx.model.events import Event, Notice, silent
from dvx.model.setup.settings import Level, parse_name
from dvx.ops.setup.configuration import Editing, edit, set_option, unset_option
from dvx.ops.setup.remotes import NewRemote, add_remote, list_remotes, remove_remote, rename_remote
from tests.helpers import run_process, write


def load(root: Path) -> Config:
    return Config.load(str(root), DVC, environment())


def editing(root: Path, told: list[Event] | None = None, level: Level | None = None) -> Editing:
    config = Config.read(str(root), DVC, environment())
    return Editing(config, level, str(root), (told if told is not None else []).append)


@pytest.fixture
def root(home: Path, tmp_path: Path) -> Path:
    """A folder that looks like a DVC repository."""
    write(tmp_path / "repo/.dvc/config", "")
    write(tmp_path / "repo/.dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    return tmp_path / "repo"


def test_later_levels_win(root: Path, home: Path):
    write(home / "etc/xdg/dvc/config", "[core]\nremote = s\nmachine = m\n[exp]\ngit_remote = s\n")
    write(home / ".config/dvc/config", "[core]\nremote = g\nchecksum_jobs = 3\n")
    write(root / ".dvc/config", "[core]\nremote = r\nautostage = TRUE\n")
    write(root / ".dvc/config.local", "[core]\nremote = L\n")
    config = load(root)
    assert config.get("core.remote") == "L"
    assert config.number("core.checksum_jobs", 1) == 3
    assert config.flag("core.autostage", False) is True
    assert config.get("core.machine") == "m"
    assert config.get("exp.git_remote") == "s"
    assert config.get("core.interactive") is None
    assert config.flag("core.no_scm", False) is False
    assert config.number("core.nope", 7) == 7


def test_the_environment_wins(root: Path, monkeypatch: pytest.MonkeyPatch):
    write(root / ".dvc/config", "[exp]\ngit_remote = r\nauto_push = false\n")
    monkeypatch.setenv("DVC_EXP_GIT_REMOTE", "e")
    monkeypatch.setenv("DVC_EXP_AUTO_PUSH", "1")
    monkeypatch.setenv("DVX_EXP_GIT_REMOTE", "of the other dialect")
    assert load(root).get("exp.git_remote") == "e"
    assert load(root).flag("exp.auto_push", False) is True


def test_the_folders_are_those_of_the_platform(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVX_GLOBAL_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.delenv(name)
    if sys.platform == "linux":
        assert load(root).path(Level.GLOBAL) == str(home / ".config/dvc/config")
        assert load(root).path(Level.SYSTEM) == "/etc/xdg/dvc/config"
        assert Config.load(None, NATIVE, environment()).path(Level.GLOBAL) == str(home / ".config/dvx/config")
    import platformdirs

    for xdg in ("", str(home / "elsewhere")):
        monkeypatch.setenv("XDG_CONFIG_HOME", xdg)
        monkeypatch.setenv("XDG_CONFIG_DIRS", f"{xdg}:/other" if xdg else "")
        assert load(root).path(Level.GLOBAL) == os.path.join(platformdirs.user_config_dir("dvc", "iterative"), "config")
        assert load(root).path(Level.SYSTEM) == os.path.join(platformdirs.site_config_dir("dvc", "iterative"), "config")


def test_reading_needs_no_slow_library(root: Path):
    write(root / ".dvc/config", "['remote \"a\"']\nurl = s3://b\n[core]\nremote = a\n")
    code = (
        "import sys\nfrom dvx.config import Config, environment\nfrom dvx.model.dialect import DVC\n"
        f"Config.load({str(root)!r}, DVC, environment()).remote()\n"
        "print([name for name in ('platformdirs', 'filelock', 'urllib.parse', 'dvx.store.files') if name in sys.modules])"
    )
    assert run_process(root, sys.executable, "-c", code).out == "[]\n"


def test_paths_are_relative_to_their_file(root: Path, home: Path):
    write(
        root / ".dvc/config",
        "[cache]\ndir = ../../cache\n['remote \"a\"']\nurl = ../../store\ntype = copy, symlink\n",
    )
    write(
        home / ".config/dvc/config",
        "['remote \"g\"']\nurl = store\n['remote \"s\"']\nurl = s3://b/../x\ncredentialpath = ~/key\n",
    )
    config = load(root)
    assert config.value(config.settings[parse_name("cache.dir")]) == str(root.parent / "cache")
    assert config.remote("a").url == str(root.parent / "store")
    assert config.words("remote.a.type") == ("copy", "symlink")
    assert config.get("remote.s.credentialpath") == str(home / "key")
    assert config.remotes() == {"g": str(home / ".config/dvc/store"), "s": "s3://b/../x", "a": str(root.parent / "store")}


def test_a_remote_has_its_options_and_the_default_one_needs_no_name(root: Path):
    write(root / ".dvc/config", "[core]\nremote = Store\n['remote \"store\"']\nurl = s3://b/p\njobs = 3\nprofile = work\n")
    write(root / ".dvc/config.local", "['remote \"store\"']\nsecret_access_key = hunter2\n")
    remote = load(root).remote()
    assert (remote.name, remote.url, remote.jobs) == ("store", "s3://b/p", 3)
    assert remote.options == {"jobs": "3", "profile": "work", "secret_access_key": "hunter2"}
    assert load(root).remote("STORE") == remote
    assert "hunter2" not in repr(remote) + repr(load(root))


def test_a_remote_below_another_has_its_options(root: Path):
    text = "['remote \"a\"']\nurl = s3://b/p/\nprofile = work\nregion = eu\n['remote \"c\"']\nurl = remote://A/sub\nregion = us\n"
    write(root / ".dvc/config", text + "['remote \"d\"']\nurl = remote://c\n")
    assert load(root).remote("c").url == "s3://b/p/sub"
    assert load(root).remote("c").options == {"profile": "work", "region": "us"}
    assert load(root).remote("d").url == "s3://b/p/sub"


def test_remotes_in_a_circle_are_refused(root: Path):
    write(root / ".dvc/config", "['remote \"a\"']\nurl = remote://b/x\n['remote \"b\"']\nurl = remote://a/x\n")
    with pytest.raises(ConfigError, match="leads back to itself"):
        load(root).remote("a")


def test_what_a_remote_lacks_is_told(root: Path):
    write(root / ".dvc/config", "['remote \"storage\"']\nurl = /x\n")
    write(root / ".dvc/config.local", "['remote \"other\"']\npassword = x\n")
    with pytest.raises(UnknownTarget, match="there is no default remote") as caught:
        load(root).remote()
    assert "dvx remote default" in caught.value.hint
    with pytest.raises(UnknownTarget, match="there is no remote `storge`") as caught:
        load(root).remote("storge")
    assert caught.value.hint == "did you mean `storage`?"
    with pytest.raises(ConfigError, match="the remote `other` has no url"):
        load(root).remote("other")


def test_a_tracked_file_cannot_name_a_command_to_run(root: Path):
    text = "['remote \"w\"']\nurl = webdavs://h/x\n{}"
    write(root / ".dvc/config", text.format("bearer_token_command = touch /tmp/owned\n"))
    with pytest.raises(ConfigError, match=r"\.dvc/config:3: `remote\.w\.bearer_token_command` can run a command"):
        load(root).remote("w")


def test_a_wrong_file_names_itself(root: Path):
    write(root / ".dvc/config", "[core]\nautostage = maybe\n")
    with pytest.raises(ConfigError, match=r"^\.dvc/config:2: `core\.autostage`"):
        load(root)
    (root / ".dvc/config").write_bytes(b"[core]\nremote = \xff\n")
    with pytest.raises(ConfigError, match=r"`\.dvc/config` is no UTF-8 text: byte 16 is wrong"):
        load(root)
    write(root / ".dvc/config", "#" * (1 << 20) + "\n")
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(root)


def test_what_is_wrong_can_be_mended(root: Path):
    write(root / ".dvc/config", "[core]\nautostage = maybe\nnope = 1\n")
    unset_option(editing(root), parse_name("core.nope"))
    with pytest.raises(ConfigError):
        load(root)
    set_option(editing(root), parse_name("core.autostage"), "true")
    assert load(root).flag("core.autostage", False) is True


def test_the_root_is_found_from_below(root: Path, tmp_path: Path):
    (root / "a/b").mkdir(parents=True)
    assert find_root(str(root / "a/b")) == (str(root), DVC)
    assert find_root(str(tmp_path)) is None


def test_a_path_is_stored_relative_to_the_file(root: Path):
    (root / "sub").mkdir()
    told: list[Event] = []
    config = Config.read(str(root), DVC, environment())
    add_remote(Editing(config, None, str(root / "sub"), told.append), NewRemote("A", "../../store/"))
    assert (root / ".dvc/config").read_text() == "['remote \"a\"']\n    url = ../../store\n"
    assert load(root).remotes() == {"a": str(root.parent / "store")}
    assert told == []


def test_a_secret_goes_to_the_private_file(root: Path):
    write(root / ".dvc/.gitignore", "/tmp")
    write(root / ".dvc/config", "['remote \"a\"']\nurl = s3://b\n")
    before = (root / ".dvc/config").read_bytes()
    told: list[Event] = []
    set_option(editing(root, told), parse_name("remote.a.secret_access_key"), "hunter2")
    assert (root / ".dvc/config").read_bytes() == before
    assert (root / ".dvc/config.local").read_text() == "['remote \"a\"']\n    secret_access_key = hunter2\n"
    assert stat.S_IMODE((root / ".dvc/config.local").stat().st_mode) == 0o600
    assert (root / ".dvc/.gitignore").read_text() == "/tmp\n/config.local\n"
    assert [event.message for event in told if isinstance(event, Notice)] == [
        "`remote.a.secret_access_key` is a secret, so it is kept in `.dvc/config.local`, which Git ignores"
    ]
    assert "hunter2" not in repr(told)


def test_the_private_file_becomes_private(root: Path):
    write(root / ".dvc/config", "['remote \"a\"']\nurl = /x\n")
    write(root / ".dvc/config.local", "[core]\nremote = a\n").chmod(0o644)
    set_option(editing(root, level=Level.LOCAL), parse_name("core.autostage"), "true")
    assert stat.S_IMODE((root / ".dvc/config.local").stat().st_mode) == 0o600


def test_a_secret_in_the_users_file_is_for_the_user_only(root: Path, home: Path):
    set_option(editing(root, level=Level.GLOBAL), parse_name("core.autostage"), "true")
    assert stat.S_IMODE((home / ".config/dvc/config").stat().st_mode) & 0o044
    set_option(editing(root, level=Level.GLOBAL), parse_name("studio.token"), "hunter2")
    assert stat.S_IMODE((home / ".config/dvc/config").stat().st_mode) == 0o600


def test_a_url_with_a_password_is_a_secret(root: Path):
    add_remote(editing(root), NewRemote("a", "ssh://ada:hunter2@h/x", default=True))
    assert (root / ".dvc/config").read_text() == ""
    assert (root / ".dvc/config.local").read_text() == (
        "[core]\n    remote = a\n['remote \"a\"']\n    url = ssh://ada:hunter2@h/x\n"
    )
    assert [row.url for row in list_remotes(load(root))] == ["ssh://ada:***@h/x"]
    with pytest.raises(ConfigError, match="there is a remote `a` already"):
        add_remote(editing(root), NewRemote("a", "ssh://ada:hunter2@h/x"))


def test_a_remote_is_removed_with_its_secrets_and_as_the_default(root: Path):
    write(root / ".dvc/config", "[core]\nremote = a\n['remote \"a\"']\nurl = s3://b\n['remote \"b\"']\nurl = /b\n")
    write(root / ".dvc/config.local", "[core]\nremote = A\n['remote \"a\"']\nsession_token = x\n")
    remove_remote(editing(root), "A")
    assert (root / ".dvc/config").read_text() == "['remote \"b\"']\n    url = /b\n"
    assert (root / ".dvc/config.local").read_text() == "\n"


def test_a_removal_at_one_level_leaves_the_others(root: Path):
    write(root / ".dvc/config", "[core]\nremote = a\n['remote \"a\"']\nurl = /a\n")
    write(root / ".dvc/config.local", "['remote \"a\"']\nurl = /mine\n")
    remove_remote(editing(root, level=Level.LOCAL), "a")
    assert load(root).remote().url == "/a"


def test_a_remote_is_renamed_everywhere(root: Path):
    write(root / ".dvc/config", "[core]\nremote = a\n['remote \"a\"']\nurl = s3://b\n['remote \"b\"']\nurl = /b\n")
    write(root / ".dvc/config.local", "['remote \"a\"']\nsession_token = x\n")
    rename_remote(editing(root), "a", "C")
    assert (root / ".dvc/config").read_text() == (
        "[core]\n    remote = c\n['remote \"b\"']\n    url = /b\n['remote \"c\"']\n    url = s3://b\n"
    )
    assert (root / ".dvc/config.local").read_text() == "['remote \"c\"']\n    session_token = x\n"
    with pytest.raises(ConfigError, match="there is a remote `b` already"):
        rename_remote(editing(root), "c", "b")


def test_a_wrong_change_changes_nothing(root: Path):
    text = "['remote \"a\"']\nurl = s3://b\nprofile = work\n"
    write(root / ".dvc/config", text)
    wrong = {
        "remote.a.url": "gs://b",
        "remote.a.jobs": "0",
        "remote.a.use_ssl": "yes",
        "remote.a.profil": "x",
        "remote.b.jobs": "2",
        "core.autostage": "on",
        "cache.type": "",
        "plots.out_dir": "a\nb",
        "hydra.config_name": "%(x)s",
    }
    for name, value in wrong.items():
        with pytest.raises(ConfigError):
            set_option(editing(root), parse_name(name), value)
    with pytest.raises(ConfigError, match="needs its url"):
        unset_option(editing(root), parse_name("remote.a.url"))
    assert (root / ".dvc/config").read_text() == text
    assert list((root / ".dvc").iterdir()) == [root / ".dvc/.gitignore", root / ".dvc/config"] or {
        entry.name for entry in (root / ".dvc").iterdir()
    } == {".gitignore", "config", "tmp"}


def test_a_url_does_not_change_under_the_secrets_of_the_private_file(root: Path):
    write(root / ".dvc/config", "['remote \"a\"']\nurl = s3://b\n")
    write(root / ".dvc/config.local", "['remote \"a\"']\nsession_token = hunter2\n")
    with pytest.raises(ConfigError, match=r"unknown option `remote\.a\.session_token`"):
        set_option(editing(root), parse_name("remote.a.url"), "gs://b")
    load(root)


def test_an_option_goes_where_its_remote_is_known(root: Path):
    write(root / ".dvc/config.local", "['remote \"a\"']\nurl = s3://b\n")
    with pytest.raises(ConfigError, match=r"the url of remote `a` is set in `\.dvc/config\.local`, not in `\.dvc/config`"):
        set_option(editing(root), parse_name("remote.a.profile"), "work")


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", 'a"b', "a]b", "a#b", "é", "a\nb"])
def test_a_name_that_others_cannot_read_is_refused(root: Path, name: str):
    with pytest.raises(ConfigError, match="cannot be the name of a remote"):
        add_remote(editing(root), NewRemote(name, "/x"))


def test_the_users_link_is_followed_and_the_repositorys_is_not(root: Path, home: Path, tmp_path: Path):
    write(tmp_path / "dotfiles/config", "[core]\nanalytics = false\n")
    (home / ".config/dvc").mkdir(parents=True)
    (home / ".config/dvc/config").symlink_to(tmp_path / "dotfiles/config")
    set_option(editing(root, level=Level.GLOBAL), parse_name("core.autostage"), "true")
    assert (tmp_path / "dotfiles/config").read_text() == "[core]\n    analytics = false\n    autostage = true\n"
    victim = write(tmp_path / "victim", "[core]\nanalytics = false\n")
    (root / ".dvc/config").unlink()
    (root / ".dvc/config").symlink_to(victim)
    set_option(editing(root), parse_name("core.autostage"), "true")
    assert victim.read_text() == "[core]\nanalytics = false\n"


def test_an_unchanged_file_is_not_written(root: Path):
    write(root / ".dvc/config", "[core]\n    remote = a\n")
    os.utime(root / ".dvc/config", ns=(1, 1))
    config = Config.read(str(root), DVC, environment())
    edit(Editing(config, None, str(root), silent), Level.REPO, lambda document: document.put("core", "remote", "a"))
    assert (root / ".dvc/config").stat().st_mtime_ns == 1


def test_two_writers_lose_nothing(root: Path):
    code = (
        "import sys\nfrom dvx.config import Config, environment\nfrom dvx.model.dialect import DVC\n"
        "from dvx.model.setup.settings import parse_name\nfrom dvx.ops.setup.configuration import Editing, set_option\n"
        "for number in range(15):\n"
        f"    config = Config.read({str(root)!r}, DVC, environment())\n"
        "    name = parse_name(f'remote.{sys.argv[1]}{number}.url')\n"
        f"    set_option(Editing(config, None, {str(root)!r}, lambda event: None), name, f'/{{number}}')\n"
    )
    import subprocess

    writers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(load(root).remotes()) == sorted(f"{name}{number}" for name in "abc" for number in range(15))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that the system does not know")
def test_a_user_without_a_home_has_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    child = os.fork()
    if not child:
        os.setuid(54_321)
        os._exit(home_folder({}) != "/")
    assert os.waitpid(child, 0)[1] == 0
