"""Facts about pointers: what a `.dvc` or `.dvx` file says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvx.errors import SchemaError
from dvx.model.dialect import DVC, NATIVE, Dialect
from dvx.model.digest import LEGACY, Digest
from dvx.model.tracked.pointer import (
    Output,
    Recorded,
    decode_entry,
    decode_pointer,
    encode_content,
    encode_lock_entry,
    encode_output,
    stage_checksum,
)
from dvx.model.tree import Content

HEX = "3e2b31c72181b87149ff995e7202c0e3"
OTHER = "b026324c6904b2a9cb4b88d6d61c81d1"


def entry(**fields: Any) -> Mapping[str, Any]:
    return {"md5": HEX, "hash": "md5", "path": "data.csv"} | fields


def out(dialect: Dialect = DVC, path: str = "data.csv.dvc", **fields: Any) -> tuple[Output, Recorded]:
    (pair,) = decode_pointer({"outs": [entry(**fields)]}, path, dialect).outs
    return pair


def refused(document: Any, dialect: Dialect = DVC) -> tuple[str, tuple[str | int, ...], str]:
    with pytest.raises(SchemaError) as caught:
        decode_pointer(document, "sub/data.csv.dvc", dialect)
    return caught.value.message, caught.value.where, caught.value.hint


def test_an_output_is_read_relative_to_the_pointer():
    output, recorded = out(path="sub/data.csv.dvc", size=10, isexec=True)
    assert output == Output("sub/data.csv")
    assert recorded == Recorded("sub/data.csv", Content(Digest("md5", HEX), 10, None, executable=True))


def test_a_working_folder_moves_the_paths():
    pointer = decode_pointer({"wdir": "..", "outs": [entry()]}, "sub/deep/x.dvc", DVC)
    assert pointer.workdir == "sub"
    assert pointer.outs[0][0].path == "sub/data.csv"


def test_a_directory_has_a_count():
    assert out(md5=HEX + ".dir", size=9, nfiles=4)[1].content == Content(Digest("md5", HEX + ".dir"), 9, 4)
    assert out(nfiles=4)[1].content == Content(Digest("md5", HEX))


def test_an_entry_without_hash_is_an_old_one_of_dvc():
    content = out(hash=None)[1].content
    assert content == Content(Digest(LEGACY, HEX))
    assert encode_content(content) == {"md5": HEX}


def test_a_native_entry_names_its_algorithm_by_hash_or_by_key():
    native = {"path": "a", "xxh128": HEX}
    assert decode_entry(native, "", NATIVE, ()).content == Content(Digest("xxh128", HEX))
    assert decode_entry({"path": "a", "sha256": HEX * 2}, "", NATIVE, ()).content == Content(Digest("sha256", HEX * 2))
    assert decode_entry({"path": "a", "md5": HEX}, "", NATIVE, ()).content == Content(Digest("md5", HEX))
    assert decode_entry({**native, "md5": OTHER, "hash": "md5"}, "", NATIVE, ()).content == Content(Digest("md5", OTHER))


def test_an_upper_case_digest_is_the_same():
    assert out(md5=HEX.upper())[1].content == Content(Digest("md5", HEX))


@pytest.mark.parametrize("fields", [{"md5": None}, {"md5": ""}])
def test_an_entry_may_have_no_known_content(fields: Mapping[str, Any]):
    assert out(**fields)[1].content is None


def test_flags_and_annotations_are_read():
    output, _ = out(cache=False, persist=True, push=False, remote="r", desc="D", type="model", labels=["a"], meta={"k": [1]})
    assert output == Output(
        "data.csv",
        cached=False,
        persist=True,
        push=False,
        remote="r",
        annotations={"desc": "D", "type": "model", "labels": ["a"], "meta": {"k": [1]}},
    )


def test_fields_of_other_tools_are_kept():
    cloud = {"ver": {"etag": "9a8a", "version_id": "68af"}}
    assert out(cloud=cloud, etag="e", version_id="v")[1].extras == {"etag": "e", "version_id": "v", "cloud": cloud}


IMPORT = {
    "md5": "449a87c84b94320168b08712aee0f333",
    "frozen": True,
    "deps": [
        {"path": "gitfile", "repo": {"url": "../src1", "rev": "v1", "rev_lock": "8cf834740ec3611e735a875aab48480c133e361d"}}
    ],
    "outs": [{"md5": "bbe02f946d5455d74616fc9777557c22", "size": 5, "hash": "md5", "path": "gf"}],
}


def test_an_import_knows_its_source_and_its_checksum():
    pointer = decode_pointer(IMPORT, "gf.dvc", DVC)
    assert pointer.frozen
    assert pointer.deps == (Recorded("gitfile", None, {"repo": IMPORT["deps"][0]["repo"]}),)
    assert pointer.checksum == pointer.computed == "449a87c84b94320168b08712aee0f333"


def test_the_stage_checksum_is_that_of_dvc():
    document = {"deps": [{"hash": "md5", "md5": OTHER, "path": "ext"}], "outs": [{"hash": "md5", "md5": OTHER, "path": "ext2"}]}
    assert stage_checksum(document) == "fc36cc7ee9255341bd32d18d5a12208d"
    unhashed = {"md5": "x", "wdir": ".", "desc": "D", "meta": {"k": 1}, "frozen": True, "locked": True}
    noted = {
        key: [{**item, "size": 2, "nfiles": 1, "isexec": True, "desc": "d", "persist": True} for item in document[key]]
        for key in document
    }
    assert stage_checksum(unhashed | noted) == "fc36cc7ee9255341bd32d18d5a12208d"
    assert stage_checksum(document | {"wdir": ".."}) != "fc36cc7ee9255341bd32d18d5a12208d"


def test_only_a_pointer_with_dependencies_is_to_have_a_checksum():
    pointer = decode_pointer({"md5": HEX, "outs": [entry()]}, "data.csv.dvc", DVC)
    assert (pointer.checksum, pointer.computed) == (HEX, "")


@pytest.mark.parametrize("document", [None, {}, {"outs": None}, {"outs": []}])
def test_an_empty_pointer_tracks_nothing(document: Any):
    assert decode_pointer(document, "a.dvc", DVC).outs == ()


@pytest.mark.parametrize("path", ["s3://bucket/x", "/data/x", "../x", "../../x", "https://a.b/c"])
def test_a_dependency_may_lie_outside_and_is_kept_as_written(path: str):
    (dep,) = decode_pointer({"deps": [{"path": path}]}, "a.dvc", DVC).deps
    assert dep.path == path


def test_a_dependency_inside_is_relative_to_the_project():
    for written, path in {"x": "sub/x", "../x": "x", "..x": "sub/..x", "../..x": "..x"}.items():
        (dep,) = decode_pointer({"deps": [{"path": written}]}, "sub/a.dvc", DVC).deps
        assert dep.path == path


@pytest.mark.parametrize(
    "path",
    [
        "../../out",
        "/etc/passwd",
        "../.git/config",
        ".dvc/config",
        "s3://b/.git/x",
        "..",
        "",
        ".git",
        "a\nb",
        ".",
        "data.csv.dvc",
        "x/.DVX/y",
    ],
)
def test_an_output_that_leads_astray_is_refused(path: str):
    _, where, _ = refused({"outs": [entry(path=path)]})
    assert where == ("outs", 0, "path")


def test_an_output_may_be_the_working_folder_when_the_pointer_lies_beside_it():
    assert decode_pointer({"wdir": "data", "outs": [entry(path=".")]}, "data.dvc", DVC).outs[0][0].path == "data"


@pytest.mark.parametrize("wdir", ["../..", "/etc", "../.git", ".dvc/tmp"])
def test_a_working_folder_that_leads_astray_is_refused(wdir: str):
    assert refused({"wdir": wdir, "outs": [entry()]})[1] == ("outs", 0, "path")


@pytest.mark.parametrize(
    ("document", "message", "where", "hint"),
    [
        ({"cmd": "x"}, "unknown key `cmd`", ("cmd",), "did you mean `md5`?"),
        ({"out": []}, "unknown key `out`", ("out",), "did you mean `outs`?"),
        ({"outs": [entry(chache=False)]}, "unknown key `chache`", ("outs", 0, "chache"), "did you mean `cache`?"),
        ({"outs": [entry(sha256="x")]}, "unknown key `sha256`", ("outs", 0, "sha256"), ""),
        ({"outs": [entry(repo={})]}, "unknown key `repo`", ("outs", 0, "repo"), "did you mean `remote`?"),
        ({"deps": [{"path": "a", "cache": True}]}, "unknown key `cache`", ("deps", 0, "cache"), ""),
        ({"outs": {}}, "a list is expected, not `{}`", ("outs",), ""),
        ({"outs": ["a"]}, "a mapping is expected, not `a`", ("outs", 0), ""),
        ([], "a mapping is expected, not `[]`", (), ""),
        ({"outs": [{"md5": HEX}]}, "`path` is missing", ("outs", 0, "path"), ""),
        ({"outs": [entry(path=5)]}, "a text is expected", ("outs", 0, "path"), ""),
        ({"wdir": 5}, "a text is expected", ("wdir",), ""),
        ({"frozen": "no"}, "`frozen` is `true` or `false`, not `no`", ("frozen",), ""),
        ({"outs": [entry(cache="no")]}, "`cache` is `true` or `false`, not `no`", ("outs", 0, "cache"), ""),
        ({"outs": [entry(hash="md6")]}, "unknown hash `md6`", ("outs", 0, "hash"), "did you mean `md5`?"),
        ({"outs": [entry(hash=["md5"])]}, "unknown hash `['md5']`", ("outs", 0, "hash"), "did you mean `md5`?"),
        ({"outs": [entry(md5="abc")]}, "`abc` is not a md5 digest", ("outs", 0), ""),
        ({"outs": [entry(md5=["a"])]}, "`['a']` is not a md5 digest", ("outs", 0), ""),
        ({"outs": [entry(size="5")]}, "`size` is no count: `5`", ("outs", 0, "size"), ""),
        ({"outs": [entry(size=True)]}, "`size` is no count: `True`", ("outs", 0, "size"), ""),
        ({"outs": [entry(nfiles=-1)]}, "`nfiles` is no count: `-1`", ("outs", 0, "nfiles"), ""),
    ],
)
def test_a_broken_pointer_is_refused_with_its_place(document: Any, message: str, where: tuple[str | int, ...], hint: str):
    assert refused(document) == (message, where, hint)


def test_the_checksum_of_odd_keys_is_no_crash():
    document = {"deps": [{"path": "a", "fs_config": {1: "x", "b": 2, None: 3}}], "outs": [entry()]}
    assert len(decode_pointer(document, "a.dvc", DVC).computed) == 32


def test_a_new_entry_is_ordered_as_dvc_orders_it():
    file = Content(Digest("md5", HEX), 10, executable=True)
    assert list(encode_output(Output("run.sh"), file, "").items()) == [
        ("md5", HEX),
        ("size", 10),
        ("isexec", True),
        ("hash", "md5"),
        ("path", "run.sh"),
    ]
    folder = Content(Digest("md5", HEX + ".dir"), 9, 4)
    annotated = Output(
        "sub/d",
        cached=False,
        persist=True,
        push=False,
        remote="r",
        annotations={"meta": {"k": 1}, "desc": "D", "labels": ["a"], "type": "t"},
    )
    fields = encode_output(annotated, folder, "sub")
    assert " ".join(fields) == "md5 size nfiles hash path desc type labels meta cache persist remote push"
    assert fields["path"] == "d"
    assert encode_output(Output("a"), None, "") == {"path": "a"}


def test_a_lock_entry_begins_with_its_path():
    folder = Content(Digest("md5", HEX + ".dir"), 9, 4)
    assert list(encode_lock_entry("../d", folder, {"cloud": {}})) == ["path", "hash", "md5", "size", "nfiles", "cloud"]
    assert encode_lock_entry("a", Content(Digest(LEGACY, HEX), 1), {}) == {"path": "a", "md5": HEX, "size": 1}
    assert encode_lock_entry("a", None, {}) == {"path": "a"}


@st.composite
def contents(draw: st.DrawFn, dialect: Dialect) -> Content:
    algorithm = draw(st.sampled_from([*dialect.algorithms, *([LEGACY] if dialect is DVC else [])]))
    length = 64 if algorithm in ("sha256", "blake3") else 32
    is_tree = draw(st.booleans())
    digest = Digest(algorithm, draw(st.text("0123456789abcdef", min_size=length, max_size=length)) + (".dir" if is_tree else ""))
    count = st.none() | st.integers(0, 1 << 60)
    return Content(digest, draw(count), draw(count) if is_tree else None, draw(st.booleans()))


@pytest.mark.parametrize("dialect", [DVC, NATIVE], ids=lambda dialect: dialect.name)
@given(data=st.data())
def test_what_is_written_is_read_back(dialect: Dialect, data: st.DataObject):
    content = data.draw(contents(dialect))
    output = Output(
        "sub/" + data.draw(st.sampled_from(["a", "b/c"])),
        cached=data.draw(st.booleans()),
        persist=data.draw(st.booleans()),
        push=data.draw(st.booleans()),
        remote=data.draw(st.sampled_from(["", "r"])),
        annotations=data.draw(st.sampled_from([{}, {"desc": "D", "meta": {"k": None}}])),
    )
    written = encode_output(output, content, "sub")
    assert decode_pointer({"outs": [written]}, "sub/x" + dialect.pointer_suffix, dialect).outs == (
        (output, Recorded(output.path, content)),
    )
    in_lock = encode_lock_entry("../a", content, {"etag": "e"})
    assert decode_entry(in_lock, "sub", dialect, ()) == Recorded("a", content, {"etag": "e"})
