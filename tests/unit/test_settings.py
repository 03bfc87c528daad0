"""Configuration files as text, and the settings in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import ConfigError, UsageError
from dvx.model.dialect import DVC, NATIVE
from dvx.model.setup.ini import Document, parse, render
from dvx.model.setup.settings import (
    Level,
    OptionName,
    Setting,
    check,
    is_path,
    is_secret,
    merge,
    parse_name,
    read_settings,
    redact,
    shown,
)

URL = OptionName("remote", "a", "url")


def value(line: str) -> object:
    """What the value after `k = ` is read as."""
    section = parse(f"[s]\nk = {line}\n", "f").section("s")
    assert section is not None
    return section.get("k")


def settings_of(text: str, level: Level = Level.REPO) -> dict[OptionName, Setting]:
    return merge(read_settings(parse(text, "conf"), level, "conf"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain", "plain"),
        ("two words", "two words"),
        ('"s3://b/a,b"', "s3://b/a,b"),
        ("'has \"quotes\"'", 'has "quotes"'),
        ("it's", "it's"),
        ("", ""),
        ('""', ""),
        ("/srv/a#b", "/srv/a"),
        ('"/srv/a#b" # why', "/srv/a#b"),
        ("a=b;c", "a=b;c"),
        ("reflink, copy", ("reflink", "copy")),
        ("hardlink,", ("hardlink",)),
        (",", ()),
        ("'''a'b\"c'''", "a'b\"c"),
        ("'''one\ntwo''' # end", "one\ntwo"),
    ],
)
def test_a_value_is_read(line: str, expected: object):
    assert value(line) == expected


# what DVC 3.67 writes for each value
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("a b", "a b"),
        (" a ", '" a "'),
        ("s3://b/p,q", '"s3://b/p,q"'),
        ("~/data#1", '"~/data#1"'),
        ("", '""'),
        ("'x", '"\'x"'),
        ('say "a,b"', "'say \"a,b\"'"),
        ("a'b\"c", "'''a'b\"c'''"),
        ("a\nb", "'''a\nb'''"),
        ("a\tb=c;d", "a\tb=c;d"),
    ],
)
def test_a_value_is_written_as_dvc_writes_it(text: str, line: str):
    assert render(Document().put("hydra", "config_name", text)) == f"[hydra]\n    config_name = {line}\n"


@given(st.text(st.sampled_from("ab ,#'\"=[]%\t~/"), max_size=8))
def test_what_is_written_is_read_back(text: str):
    written = ""
    try:
        written = render(Document().put("s", "k", text))
    except ConfigError:
        assert '"""' in text
        assert "'''" in text
        return
    if "'''" not in text:
        assert parse(written, "f").section("s").get("k") == text  # type: ignore[union-attr]


def test_a_list_is_written_without_quotes():
    assert render(Document().put("cache", "type", ("reflink", "copy"))) == "[cache]\n    type = reflink, copy\n"
    assert render(Document().put("cache", "type", ("copy",))) == "[cache]\n    type = copy,\n"


def test_an_edited_file_has_the_layout_of_dvc():
    text = (
        "[cache]\ntype = reflink ,copy\n\n['remote \"a\"']\nurl = x\n"
        "[ remote \"B.b\" ]\nurl='s3://x'\n  [CORE]\nRemote=a\n[state]\n"
    )
    assert render(parse(text, "f").put("core", "autostage", "true")) == (
        "[cache]\n    type = reflink, copy\n"
        "[core]\n    remote = a\n    autostage = true\n"
        "['remote \"a\"']\n    url = x\n"
        "['remote \"b.b\"']\n    url = s3://x\n"
    )


def test_an_empty_file_is_one_line():
    assert render(parse("[core]\n    remote = a\n", "f").drop("core", "remote")) == "\n"


def test_comments_survive_an_edit():
    text = (
        "# who may push: ask Ada\n"
        "\n"
        "[core]  # the core\n"
        "    # the fast one\n"
        "    remote = a  # for now\n"
        "['remote \"a\"']\n"
        "    url = /old\n"
        "    # jobs = 4\n"
        "\n"
        "# the end\n"
    )
    assert render(parse(text, "f").put('remote "a"', "url", "/new").put("core", "remote", "b")) == (
        "# who may push: ask Ada\n"
        "\n"
        "[core] # the core\n"
        "    # the fast one\n"
        "    remote = b # for now\n"
        "['remote \"a\"']\n"
        "    url = /new\n"
        "    # jobs = 4\n"
        "\n"
        "# the end\n"
    )


def test_comments_above_what_is_removed_stay():
    text = "[core]\n    # why\n    remote = a\n# the store\n['remote \"a\"']\n    url = x\n"
    assert render(parse(text, "f").drop("core", "remote")) == "    # why\n# the store\n['remote \"a\"']\n    url = x\n"
    assert render(parse(text, "f").drop_section('remote "a"')) == "[core]\n    # why\n    remote = a\n# the store\n"
    assert render(parse("[a]\n    # one\n    x = 1\n    y = 2\n", "f").drop("a", "x")) == "[a]\n    # one\n    y = 2\n"


def test_a_renamed_section_comes_last():
    document = parse("['remote \"a\"']\nurl = x\n['remote \"b\"']\nurl = y\n", "f")
    assert render(document.rename('remote "a"', 'remote "c"')) == "['remote \"b\"']\n    url = y\n['remote \"c\"']\n    url = x\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[core]\nnot an option\n", "f:2: the line is neither `[section]` nor `key = value`"),
        ("; x\n", "f:1: the line is neither"),
        ("x = 1\n", "f:1: `x` stands outside of a section"),
        ("[core\nx = 1\n", "f:1: the section has no end"),
        ("[core] x\n", "f:1: the section has no end"),
        ("[]\n", "f:1: the section has no end or no name"),
        ("[remote]\n[[a]]\n", "f:2: sections in sections are not read"),
        ("[core]\na = 1\n[cache]\n[Core]\n", "f:4: section `core` stands twice"),
        ("[core]\na = 1\nA = 2\n", "f:3: `a` stands twice in section `core`"),
        ("[core]\na = 'b\n", "f:2: the value of `a` has quotes that do not match"),
        ("[core]\na = b,,\n", "f:2: the value of `a` has an empty word between two commas"),
        ("[core]\na = '''b\n", "f:2: a text that begins with three quotes has no end"),
        ("[core]\na = " + "b" * 10_001 + "\n", "f:2: the line is longer than 10,000 characters"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, message: str):
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_a_message_about_a_broken_line_holds_nothing_of_the_value():
    for line in ("password = 'hunter2", "hunter2", "password = '''hunter2", "password = hunter2,,"):
        with pytest.raises(ConfigError) as caught:
            parse(f"['remote \"a\"']\n{line}\n", "f")
        assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("core.remote", OptionName("core", "", "remote")),
        ("Core.Remote", OptionName("core", "", "remote")),
        ("remote.A.b.url", OptionName("remote", "a.b", "url")),
        ("db.d.password", OptionName("db", "d", "password")),
    ],
)
def test_a_name_is_read_in_any_letter_case(text: str, name: OptionName):
    assert parse_name(text) == name
    assert str(name) == text.lower()


@pytest.mark.parametrize("text", ["core", "core.", ".remote", "remote.url", "core.a.b", ""])
def test_what_is_no_name_is_refused(text: str):
    with pytest.raises(UsageError):
        parse_name(text)


def test_later_levels_win_and_keep_the_first_place():
    low = settings_of("[core]\nremote = a\nautostage = true\n")
    high = settings_of("[core]\nremote = b\n", Level.LOCAL)
    merged = merge([*low.values(), *high.values()])
    assert [(str(name), setting.text) for name, setting in merged.items()] == [("core.remote", "b"), ("core.autostage", "true")]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[core]\nremtoe = a\n", "conf:2: unknown option `core.remtoe`", "did you mean `remote`?"),
        ("[cor]\nremote = a\n", "conf:2: unknown section `cor`", "did you mean `core`?"),
        (
            "[core]\nautostage = yes\n",
            "conf:2: `core.autostage` is `true` or `false`, not `yes`",
            "`dvx config core.autostage VALUE`",
        ),
        ("[core]\nchecksum_jobs = 0\n", "conf:2: `core.checksum_jobs` is a whole number of at least 1, not `0`", ""),
        ("[core]\nchecksum_jobs = many\n", "conf:2: `core.checksum_jobs` is a whole number", ""),
        ("[cache]\ntype = reflnk,copy\n", "conf:2: `cache.type` is a list of `reflink`, `hardlink`, `symlink`, `copy`, not", ""),
        ("[cache]\nshared = all\n", "conf:2: `cache.shared` is one of `group`, not `all`", ""),
        ("[cache]\ndir = a,b\n", "conf:2: `cache.dir` is a single value: put it in double quotes", ""),
        ("['remote \"a\"']\nurl = s3://b\nprofil = x\n", "conf:3: unknown option `remote.a.profil`", "did you mean `profile`?"),
        ("['remote \"a\"']\nurl = /b\nprofile = x\n", "conf:3: unknown option `remote.a.profile`", ""),
        (
            "['remote \"a\"']\nurl = htps://b\n",
            "conf:2: the url of remote `a` has the unknown scheme",
            "did you mean `https`?",
        ),
        (
            "['remote \"a\"']\nurl = https://b\nread_timeout = -1\n",
            "conf:3: `remote.a.read_timeout` is a number of at least 0",
            "",
        ),
    ],
)
def test_a_wrong_option_is_refused_with_its_place(text: str, message: str, hint: str):
    with pytest.raises(ConfigError) as caught:
        check(settings_of(text), DVC.algorithms)
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "text",
    [
        "[core]\nautostage = TRUE\nremote = A\n",
        "[cache]\ntype = reflink, copy\ndir = ../c\nprotected = false\n[state]\nrow_limit = 5\n",
        '[\'remote "a"\']\nurl = s3://b\nssl_verify = /ca\njobs = 4\n[remote "b"]\nurl = remote://a/x\nprofile = y\n',
        "['remote \"gone\"']\npassword = x\n",
        "[feature]\nwhatever = 1\n['machine \"m\"']\ncloud = aws\n['db \"d\"']\nurl = x\npassword = y\n",
    ],
)
def test_what_dvc_accepts_is_accepted(text: str):
    check(settings_of(text), DVC.algorithms)


def test_the_hash_is_an_option_where_there_is_a_choice():
    check(settings_of("[core]\nhash = blake3\n"), NATIVE.algorithms)
    with pytest.raises(ConfigError, match=r"`core.hash` is one of `xxh128`, `blake3`, `sha256`, `md5`, not `sha1`"):
        check(settings_of("[core]\nhash = sha1\n"), NATIVE.algorithms)
    with pytest.raises(ConfigError, match=r"unknown option `core.hash`"):
        check(settings_of("[core]\nhash = md5\n"), DVC.algorithms)


def test_only_one_option_may_be_checked_or_a_whole_remote():
    settings = settings_of("[core]\nnope = 1\nautostage = true\n['remote \"a\"']\nurl = s3://b\nnope = 1\n")
    check(settings, DVC.algorithms, OptionName("core", "", "autostage"))
    for name in (OptionName("core", "", "nope"), URL):
        with pytest.raises(ConfigError):
            check(settings, DVC.algorithms, name)


@pytest.mark.parametrize(
    "option",
    ["password", "access_key_id", "secret_access_key", "session_token", "sas_token", "account_key", "connection_string", "token"]
    + ["passphrase", "client_secret", "sse_customer_key", "custom_auth_header", "oss_key_secret", "gdrive_client_secret"],
)
def test_secrets_are_known(option: str):
    assert is_secret(OptionName("remote", "a", option))


def test_what_is_a_secret_and_what_is_not():
    assert is_secret(OptionName("studio", "", "token"))
    assert is_secret(OptionName("db", "d", "password"))
    assert is_secret(URL, "https://ada:hunter2@h/x")
    assert not is_secret(URL, "ssh://ada@h/x")
    assert not is_secret(OptionName("remote", "a", "profile"), "work")
    assert not is_secret(OptionName("core", "", "remote"), "a")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/a@b:c", "s3://bucket/a@b:c"),
        ("ssh://ada@h:22/x", "ssh://ada@h:22/x"),
        ("ssh://ada:hunter2@h:22/x", "ssh://ada:***@h:22/x"),
        ("https://ada:p@ss@h/x", "https://ada:***@h/x"),
        ("https://ada:p/ss@h/x", "https://ada:***@h/x"),
        ("https://h/x?a=1&sig=abc&page=2", "https://h/x?a=1&sig=***&page=2"),
        ("https://h/x?Access_Token=abc", "https://h/x?Access_Token=***"),
        ("/home/ada:x@y", "/home/ada:x@y"),
    ],
)
def test_passwords_in_urls_are_hidden(url: str, expected: str):
    assert redact(url) == expected
    assert shown(Setting(URL, url, Level.REPO, "f"), url) == expected


def test_a_secret_is_shown_as_stars():
    assert shown(Setting(OptionName("remote", "a", "password"), "x", Level.LOCAL, "f"), "x") == "***"


def test_paths_are_known():
    assert is_path(Setting(URL, "../x", Level.REPO, "f"))
    assert is_path(Setting(OptionName("cache", "", "dir"), "x", Level.REPO, "f"))
    assert is_path(Setting(OptionName("remote", "a", "keyfile"), "k", Level.REPO, "f"))
    assert not is_path(Setting(URL, "s3://x", Level.REPO, "f"))
    assert not is_path(Setting(OptionName("plots", "", "html_template"), "x", Level.REPO, "f"))
