"""Facts about paths: what is safe, and how they are joined and written."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dvx.errors import UnsafePath
from dvx.model.paths import check_path, check_paths, check_windows, join, overlap, parent, printable, relative, within

ATTACKS = [
    "", "/", "//", "/etc/passwd", "//host/share", "\\", "\\\\host\\share", "\\etc", "C:", "c:/x", "C:\\x", "z:/",
    ".", "..", "../x", "a/..", "a/../b", "./a", "a/.", "a//b", "a/", "a/./b", "..\\x", "a\\..\\..\\x", "a\\.\\b", "a\\\\b",
    "...", ". .", ".. ", "a/.. /b", "a/. ./b", " ", "a/ /b",
    "a\0b", "a\nb", "\x1b[31m", "a\x7f", "a\tb", "a\r",
    ".git", ".git/config", "a/.git/hooks/post-checkout", ".GIT", ".Git/x", ".gIt", ".dvc/config", ".DVC", "x/.dvx/tmp", ".Dvx",
    "GIT~1", "git~1/config", "a/Git~1", "DVC~1", "dvx~1/x", "a/dvc~1/config",
    ".git.", ".git ", ".git...", ".git. .", ".dvc ./config", "git~1.", "git~1 ",
    ".git::$INDEX_ALLOCATION", ".git:x/config", ".git::$INDEX_ALLOCATION/config", ".dvc:$DATA", "git~1:x", ".git .:x",
    "a\\.git\\config", ".git\\config", "x\\GIT~1\\config", "x\\.dvc", "a/b\\.DVX ",
    ".g\u200cit", ".\u200bgit", "\u200b.git", "\ufeff.git", ".git\u200d", ".g\u2060it/config", ".d\u00advc", ".dv\u034fx",
    "g\u200bit~1", "a/.\ufe0fgit", ".\u202egit", ".gi\u206ft", ".git\u200b.", "\u200c.GIT\u200d /x",
    ".g\U000e0041it", ".g\U000e0100it/x", ".gi\u3164t", ".\ufff9dvc",
]  # fmt: skip

HARMLESS = [
    "a", "a/b", "a b", " a", "a.b", ".a", ".gitignore", ".gitattributes", ".github/x", ".gitmodules", ".dvcignore", ".dvxignore",
    "a.dvc", "a.dvx", "data.dvc/x", "git", "dvc/x", "dvx", "dvc.yaml", "dvx.lock", "git~2", "git~10", "x.git", "_.git", "..a",
    "a..", "a/..b", "...a", "-rf", "--help", "~", "~root", "$HOME", "%TEMP%", "ab:c", "1:x", "é:x", "CON", "é", "日本/语",
    "z:x", "A:chain.pdb", "a/C:", "\U0001f600", "\u200b", "a\u200bb", "a\\b", "a'b\"c", "*?[", "\udcff\udcfe", "g", "d", "D",
]  # fmt: skip


@pytest.mark.parametrize("path", ATTACKS)
def test_an_attack_is_refused(path: str):
    with pytest.raises(UnsafePath):
        check_path(path)


@pytest.mark.parametrize("path", HARMLESS)
def test_a_harmless_path_passes_as_it_is(path: str):
    assert check_path(path) == path


@pytest.mark.parametrize("path", ["z:x", "a:b", "d/A:chain.pdb", "x:$DATA"])
def test_a_colon_is_refused_on_windows(path: str):
    with pytest.raises(UnsafePath):
        check_windows(path)
    check_windows("a/b")


def test_a_path_that_no_system_takes_is_refused():
    assert check_path("a/" * 2047 + "a") == "a/" * 2047 + "a"
    with pytest.raises(UnsafePath, match=r"^`(a/){25}\.\.\.` is longer than 4,096 characters$"):
        check_path("a/" * 2048 + "a")


def test_the_message_shows_what_cannot_be_seen():
    for path, message in {
        "/etc": "`/etc` is not a relative path",
        "a/../b": "`a/../b` has an empty, `.` or `..` part",
        "a\x1b[31m": r"`a\x1b[31m` has control characters",
        "x/.GIT/y": "`x/.GIT/y` reaches into `.GIT`",
        ".g\u200cit/y": r"`.g\u200cit/y` reaches into `.g\u200cit`",
    }.items():
        with pytest.raises(UnsafePath) as caught:
            check_path(path)
        assert caught.value.message == message


def _as_windows_and_macos_see(part: str) -> str:
    """The name that a file system which folds case and ignores what cannot be seen would open."""
    seen = "".join(c for c in unicodedata.normalize("NFD", part) if unicodedata.category(c) != "Cf")
    for unseen in "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u3164\uffa0\ufe0f":
        seen = seen.replace(unseen, "")
    return seen.split(":")[0].rstrip(" .").lower()


def is_dangerous(path: str) -> bool:
    """The rule said another way: any system may take the path to a forbidden place."""
    parts = path.replace("\\", "/").split("/")
    if any(part.strip(" .") == "" for part in parts) or any(ord(c) < 32 or ord(c) == 127 for c in path):
        return True
    if path[1:2] == ":" and path[2:3] in ("", "/", "\\") and ("a" <= path[0] <= "z" or "A" <= path[0] <= "Z"):
        return True
    taken = {".git", ".dvc", ".dvx", "git~1", "dvc~1", "dvx~1"}
    return any(_as_windows_and_macos_see(part) in taken for part in parts)


PIECES = [
    ".git", ".GIT", ".dvc", ".DvX", "git~1", "DVC~1", "..", ".", " ", "/", "\\", ":", "~1", "g", "it", "\u200b", "\u200d",
    "\ufeff", "\u2060", "\U000e0020", "\u3164", "\u00ad", "\u202e", "\ufe0f", "a", "C:", "\n", "é",
    "::$INDEX_ALLOCATION", "\0", "~", "x.dvc",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=12))
@example("a/.gi\u0307t")
@example(".\u0307git")
@example("\u212aelvin/.git")
def test_exactly_the_dangerous_paths_are_refused(path: str):
    try:
        check_path(path)
    except UnsafePath:
        assert is_dangerous(path)
    else:
        assert not is_dangerous(path)


@given(st.lists(st.sampled_from(["a", "b/c.d", "é", "a\nb", "", "..", "x/", ".git/y", "a/.g", "-", "x" * 5000]), max_size=5))
@example(["a\n"])
@example(["a", "b\nc"])
def test_many_paths_are_refused_like_each(paths: list[str]):
    def refusal(check: Callable[[], object]) -> str:
        try:
            check()
        except UnsafePath as error:
            return error.message
        return ""

    assert refusal(lambda: check_paths(paths)) == refusal(lambda: [check_path(path) for path in paths])


@given(
    st.lists(st.sampled_from(["..", ".", "a", "b", "", "c d"]), max_size=6).map("/".join),
    st.sampled_from(["", "a", "a/b", "x y/z"]),
)
def test_a_joined_path_that_passes_stays_inside(name: str, folder: str):
    path = join(folder, name)
    try:
        check_path(path)
    except UnsafePath:
        return
    assert not {"..", ".", ""} & set(path.split("/"))
    assert join(folder, relative(path, folder)) == path


def test_a_name_is_joined_to_the_folder_it_is_written_in():
    assert join("", "a/b") == "a/b"
    assert join("sub", "a") == "sub/a"
    assert join("sub", "../a") == "a"
    assert join("sub", "./x/./y/") == "sub/x/y"
    assert join("sub", "..") == join("", ".") == join("sub", "../.") == ""
    assert join("sub", "../../a") == "../a"
    assert join("sub", "/etc") == "/etc"


def test_a_path_is_written_relative_to_a_folder():
    assert relative("a/b", "") == "a/b"
    assert relative("sub/a/b", "sub") == "a/b"
    assert relative("subway/a", "sub") == "../subway/a"
    assert relative("a", "x/y") == "../../a"
    assert relative("x/a", "x/y") == "../a"
    assert relative("x", "x") == "."
    assert relative("", "x") == ".."
    assert relative("", "") == "."
    assert relative("../out", "x/y") == "../../../out"
    assert relative("..", "x") == "../.."


@given(*[st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4).map("/".join)] * 2)
def test_written_and_joined_again_is_the_same_path(path: str, folder: str):
    assert join(folder, relative(path, folder)) == path
    outside = "../" + path if path else ".."
    assert join(folder, relative(outside, folder)) == outside


def test_the_parent_of_a_top_level_path_is_the_project():
    assert parent("a") == ""
    assert parent("a/b/c") == "a/b"


def test_within_and_overlap_go_by_whole_names():
    assert within("a/b", "a")
    assert within("a", "a")
    assert within("a", "")
    assert not within("ab", "a")
    assert not within("a", "a/b")
    assert overlap("a", "a/b")
    assert overlap("a/b", "a")
    assert overlap("", "a")
    assert not overlap("a/b", "a/c")


def test_what_cannot_be_printed_is_shown_as_an_escape():
    assert printable("é b") == "é b"
    assert printable("a\nb\x1b") == r"a\nb\x1b"
    assert printable("\udcff") == r"\udcff"
