"""Facts about options that dvx knows and does not use: who sets one is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import dvx, run_dvx, write

SETTINGS = [
    ("core.analytics", "true", "dvx reports to nobody how it is used"),
    ("core.site_cache_dir", "/var/x", "dvx keeps what it knows of files in the repository"),
    ("cache.verify", "false", "dvx verifies all data that it gets"),
    ("exp.code", "src", "only older versions of DVC used it"),
    ("studio.url", "https://example.com", "dvx knows of no hosted service"),
    ("machine.big.cloud", "aws", "only older versions of DVC used it"),
    ("remote.r.no_traverse", "true", "only older versions of DVC used it"),
    ("remote.r.type", "hardlink", "no file is linked to one in a remote"),
]


@pytest.mark.parametrize(("name", "value", "why"), SETTINGS)
def test_in_a_repository_of_dvcs_it_is_set_and_said(dvc_like: Path, name: str, value: str, why: str):
    dvx(dvc_like, "remote", "add", "r", "../r")
    told = dvx(dvc_like, "config", name, value).err
    assert f"note: `{name}` has no effect in dvx: {why}" in told
    assert dvx(dvc_like, "config", name).out != ""
    assert f"the option `{name}` has no effect: {why}" in dvx(dvc_like, "doctor").out


@pytest.mark.parametrize(("name", "value", "why"), SETTINGS)
def test_in_a_native_repository_it_is_refused(native: Path, name: str, value: str, why: str):
    dvx(native, "remote", "add", "r", "../r")
    before = (native / ".dvx/config").read_bytes()
    refused = run_dvx(native, "config", name, value)
    assert refused.code == 1
    assert f"error: `{name}` would have no effect: {why}" in refused.err
    assert (native / ".dvx/config").read_bytes() == before


def test_what_dvx_does_anyway_can_be_said(dialect_repo: Path):
    for name, value in (("core.analytics", "false"), ("core.check_update", "False"), ("cache.verify", "true")):
        assert dvx(dialect_repo, "config", name, value).err == ""
    assert "has no effect" not in dvx(dialect_repo, "doctor").out


def test_what_is_there_already_is_read_and_can_be_taken_out(native: Path):
    write(native / ".dvx/config", "[core]\n    analytics = true\n    hash = xxh128\n")
    assert dvx(native, "status").code == 0
    assert "the option `core.analytics` has no effect" in dvx(native, "doctor").out
    dvx(native, "config", "--unset", "core.analytics")
    assert "analytics" not in (native / ".dvx/config").read_text()
