"""Facts about options that can do more than describe: each option that names a file or a command has a rule."""

from __future__ import annotations

import pytest

from dvx.model.setup.options import ANY_REMOTE, DATABASE, REMOTES, SECTIONS
from dvx.model.setup.power import Power, may_be_recorded, power_of
from dvx.model.setup.settings import OptionName, parse_name

# options that lead to a file of this machine, and why a tracked file may set them
HARMLESS_FILES = {
    "url": "a folder: what goes there is decided at each push",
    "keyfile": "a key, which is used to sign and never run",
    "cert_path": "a certificate, which is sent, as all can see it",
    "key_path": "a key, which is used to sign and never run",
}
COMMANDS = ["bearer_token_command", "configpath", "credentialpath"]


@pytest.mark.parametrize("option", COMMANDS)
def test_what_can_run_a_command_has_that_power_in_each_kind_of_remote(option: str):
    assert any(option in options for options in REMOTES.values())
    assert power_of(OptionName("remote", "x", option)) is Power.COMMAND


def test_each_option_of_a_remote_that_names_a_file_has_a_rule():
    files = {name for name, option in ANY_REMOTE.items() if option.path or "command" in name or name.endswith("path")}
    assert {name for name in files if power_of(OptionName("remote", "x", name)) is None} == set(HARMLESS_FILES)


def test_each_option_of_a_section_that_names_a_file_has_a_rule():
    files = {f"{section}.{name}" for section, options in SECTIONS.items() for name, option in options.items() if option.path}
    assert files == {"cache.dir"}
    assert power_of(parse_name("cache.dir")) is Power.PLACE
    assert [name for name in DATABASE if power_of(OptionName("db", "x", name))] == ["url"]
    assert power_of(parse_name("core.remote")) is None


@pytest.mark.parametrize(
    ("option", "may"),
    [("endpointurl", True), ("region", True), ("version_aware", True), ("profile", True), ("jobs", True), ("unknown", True)]
    + [(name, False) for name in (*COMMANDS, "password", "token", "keyfile", "cert_path", "ask_password", "secret_access_key")],
)
def test_a_pointer_sets_only_what_runs_nothing_and_names_no_file(option: str, may: bool):
    assert may_be_recorded(option) is may
