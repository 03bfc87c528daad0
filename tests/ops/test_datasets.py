"""Facts about datasets: written, brought up to date, and depended on by stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvx.formats import load_yaml, splice_dataset
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write
from tests.servers import S3Server


@pytest.fixture
def other(dialect_repo: Path) -> Path:
    """Another repository beside the project: tracked data and a file of Git; two versions, `v1` and the tip."""
    folder = dialect_repo.parent / "other"
    folder.mkdir()
    git(folder, "init", "--quiet")
    dvx(folder, "init")
    write(folder / "data/a", "1\n")
    write(folder / "deep/plain", "1\n")
    dvx(folder, "add", "data")
    commit_all(folder)
    git(folder, "tag", "v1")
    renew(folder)
    return folder


def renew(other: Path) -> str:
    """Commit a change; the new commit."""
    write(other / "deep/plain", f"{(other / 'deep/plain').read_text()}more\n")
    commit_all(other)
    return git(other, "rev-parse", "HEAD")


def pipeline(project: Path) -> Path:
    return project / dialect_of(project).pipeline


def lock(project: Path) -> Path:
    return project / dialect_of(project).lock


def stage(project: Path, *datasets: str) -> None:
    """A stage `s` that depends on datasets and has run."""
    words = [word for name in datasets for word in ("-d", f"ds://{name}")]
    dvx(project, "stage", "add", "-n", "s", *words, "-o", "out", "echo x >> ran && echo x > out")
    dvx(project, "repro")


def runs(project: Path) -> int:
    return len((project / "ran").read_text().splitlines())


def test_a_dataset_is_written_and_recorded(dialect_repo: Path, other: Path) -> None:
    tip, first = git(other, "rev-parse", "HEAD"), git(other, "rev-parse", "v1")
    said = dvx(dialect_repo, "dataset", "add", "--dvc", "../other", "all").err
    assert said.startswith("Adding all (../other)\nTo keep it in Git: git add ")
    said = dvx(dialect_repo, "ds", "add", "--dvc", "../other", "--rev", "v1", "--path", "deep/plain", "part").err
    assert said.startswith("Adding part (../other:/deep/plain @ v1)\n")
    part = "- name: part\n  url: ../other\n  type: dvc\n  path: deep/plain\n  rev: v1\n"
    assert pipeline(dialect_repo).read_text() == f"datasets:\n- name: all\n  url: ../other\n  type: dvc\n{part}"
    assert lock(dialect_repo).read_text() == (
        f"schema: '2.0'\ndatasets:\n- name: all\n  url: ../other\n  type: dvc\n  rev_lock: {tip}\n"
        f"{part}  rev_lock: {first}\nstages: {{}}\n"
    )
    added = dvx(dialect_repo, "ds", "add", "--json", "--force", "--dvc", "../other", "--path", "data", "part").json
    assert added["new"] == {"name": "part", "url": "../other", "type": "dvc", "path": "data", "rev_lock": tip}
    assert load_yaml(lock(dialect_repo).read_text(), "l")["datasets"][1] == added["new"]


def test_a_stage_runs_when_its_dataset_was_updated(dialect_repo: Path, other: Path) -> None:
    dvx(dialect_repo, "ds", "add", "--dvc", "../other", "all")
    dvx(dialect_repo, "ds", "add", "--dvc", "../other", "--rev", "v1", "old")
    stage(dialect_repo, "all", "old")
    before = git(other, "rev-parse", "HEAD")
    recorded = load_yaml(lock(dialect_repo).read_text(), "l")
    assert recorded["stages"]["s"]["deps"][0] == {"path": "ds://all", "dataset": recorded["datasets"][0]}
    assert dvx(dialect_repo, "ds", "update", "all").err == "Nothing to update\n"
    assert dvx(dialect_repo, "status", "--json").json == {}
    after = renew(other)
    dvx(dialect_repo, "repro")
    assert runs(dialect_repo) == 1
    said = dvx(dialect_repo, "ds", "update", "all").err
    assert said == f"Updating all ({before[:9]} -> {after[:9]})\nTo keep it in Git: git add {lock(dialect_repo).name}\n"
    assert dvx(dialect_repo, "status", "--json").json == {"s": [{"changed deps": {"ds://all": "modified"}}]}
    assert dvx(dialect_repo, "explain").out == (
        f"s: must run\n  modified dependency `ds://all`\n    ../other ({before[:9]}) -> ../other ({after[:9]})\n"
    )
    assert dvx(dialect_repo, "repro", "--dry", "--allow-missing", "--json").json[0]["action"] == "run"
    dvx(dialect_repo, "repro")
    assert runs(dialect_repo) == 2
    dvx(dialect_repo, "ds", "update", "old", "--rev", after[:10])
    # not by its text: an abbreviation such as 6038e39668 would be a number without quotes
    assert load_yaml(pipeline(dialect_repo).read_text(), "p")["datasets"][1]["rev"] == after[:10]
    assert dvx(dialect_repo, "status", "--json").json == {"s": [{"changed deps": {"ds://old": "modified"}}]}
    assert run_dvx(dialect_repo, "commit").err.startswith("error: `s` is not as it was recorded: modified dependency `ds://old`")
    dvx(dialect_repo, "commit", "-f")
    assert dvx(dialect_repo, "status", "--json").json == {}
    assert "ds://all" in dvx(dialect_repo, "stage", "list", "--json").out
    assert dvx(dialect_repo, "dag", "--mermaid").out.count("[") == 1


def test_a_dataset_that_is_not_in_sync_stops_its_stages(dialect_repo: Path, other: Path) -> None:
    dvx(dialect_repo, "ds", "add", "--dvc", "../other", "all")
    stage(dialect_repo, "all")
    file = pipeline(dialect_repo)
    file.write_text(file.read_text().replace("url: ../other", "url: ../other\n  rev: v1"))
    assert dvx(dialect_repo, "status", "--json").json == {"s": [{"changed deps": {"ds://all": "not in sync"}}]}
    assert "unsynced dependency `ds://all`" in dvx(dialect_repo, "explain").out
    for words in (("repro",), ("commit", "-f"), ("repro", "--pull", "--allow-missing")):
        refused = run_dvx(dialect_repo, *words)
        assert refused.code != 0
        assert refused.err.endswith(
            "error: the dataset `all`, which the stage `s` depends on, is not in sync with its lock\n"
            "hint: run `dvx dataset update all`\n"
        )
    assert (dialect_repo / "out").exists()
    assert dvx(dialect_repo, "ds", "update", "all").err.startswith("Updating all (../other @ v1)\n")
    dvx(dialect_repo, "repro")
    assert runs(dialect_repo) == 2
    assert dvx(dialect_repo, "status", "--json").json == {}


def test_unknown_names_are_told(dialect_repo: Path, other: Path) -> None:
    dvx(dialect_repo, "ds", "add", "--dvc", "../other", "images")
    assert run_dvx(dialect_repo, "ds", "update", "image").err == (
        "error: there is no dataset `image`\nhint: did you mean `images`?\n"
    )
    assert run_dvx(dialect_repo, "ds", "update", "x").err.endswith("hint: run `dvx dataset add` to write it\n")
    dvx(dialect_repo, "stage", "add", "-n", "s", "-d", "ds://imags", "-o", "out", "touch out")
    told = (
        "note: `s` could not be compared: there is no dataset `imags`, which the stage `s` depends on; did you mean `images`?\n"
    )
    assert run_dvx(dialect_repo, "status").err == told
    for words in (("explain",), ("repro",), ("commit", "-f")):
        assert run_dvx(dialect_repo, *words).err == (
            "error: there is no dataset `imags`, which the stage `s` depends on\nhint: did you mean `images`?\n"
        ), words
    assert "| s |" in dvx(dialect_repo, "dag").out


REFUSED = [
    (("add", "x"), "a dataset is of one place\nhint: write one of `--dvc URL`"),
    (("add", "--dvc", "../other", "--url", "s3://b", "x"), "a dataset is of one place\nhint: "),
    (("add", "--url", "s3://b", "--rev", "v1", "x"), "`--rev` and `--path` are of another repository\nhint: "),
    (("add", "--dc", "dogs", "x"), "`x` is of DataChain, whose catalogue dvx cannot ask\nhint: run this with DVC"),
    (("add", "--url", "../other", "x"), "`../other` is no place that keeps versions: only `s3://`"),
    (("add", "--url", "https://example.com/x", "x"), "`https://example.com/x` is no place that keeps versions"),
    (("add", "--dvc", "../other", "a b"), "a dataset cannot be called `a b`\nhint: use letters"),
    (("add", "--dvc", "../gone", "x"), "the repository `../gone` cannot be read"),
    (("add", "--dvc", "../other", "--rev", "nope", "x"), "has no revision `nope`\nhint: "),
    (
        ("add", "--dvc", "../other", "--path", "deep/plian", "x"),
        "`../other` has no `deep/plian`\nhint: did you mean `plain`?",
    ),
    (("add", "--dvc", "https://me:canary@example.com/x", "x"), "would stand in a file that Git tracks\nhint: "),
    (("add", "--dvc", "../other", "there"), "the dataset `there` exists already in `"),
    (("update", "cloud", "--rev", "v1"), "`--rev` is for other repositories, and `cloud` is not of one\nhint: "),
    (("update", "chain"), "`chain` is of DataChain, whose catalogue dvx cannot ask\nhint: "),
    (("update", "odd"), "the dataset `odd` is of the unknown type `dvcs`\nhint: did you mean `dvc`?"),
    (("update", "filled", "--rev", "v1"), "the dataset `filled` is written with `${...}` in `"),
]


def test_what_cannot_be_is_refused(dialect_repo: Path, other: Path) -> None:
    write(
        pipeline(dialect_repo),
        "vars:\n- tip: HEAD\ndatasets:\n- {name: there, url: ../other, type: dvc}\n"
        "- {name: cloud, url: 's3://b/x', type: url}\n"
        "- {name: chain, url: 'dc://dogs', type: dc}\n- {name: odd, url: x, type: dvcs}\n"
        "- {name: filled, url: ../other, type: dvc, rev: '${tip}'}\n",
    )
    before = pipeline(dialect_repo).read_text()
    for words, said in REFUSED:
        refused = run_dvx(dialect_repo, "dataset", *words)
        assert refused.code != 0, words
        assert said in refused.err, words
        assert refused.err.startswith("error: "), words
        assert "canary" not in refused.err
    assert pipeline(dialect_repo).read_text() == before
    assert not lock(dialect_repo).exists()


def test_what_is_a_path_of_a_repository(dialect_repo: Path, other: Path) -> None:
    for number, path in enumerate(("data", "data/a", "deep", "/deep/plain", ".")):
        dvx(dialect_repo, "ds", "add", "--dvc", "../other", "--path", path, f"d{number}")
    # what does not stand at the top of a repository, too
    dvx(dialect_repo, "ds", "add", "--dvc", "../other/deep", "--path", "plain", "low")
    assert dvx(dialect_repo, "ds", "update", "low").err == "Nothing to update\n"
    refused = run_dvx(dialect_repo, "ds", "add", "--dvc", "../other", "--path", "../x", "x")
    assert "`../x` leaves the repository `../other`\nhint: " in refused.err


def test_what_people_wrote_stays(dialect_repo: Path, other: Path) -> None:
    file = pipeline(dialect_repo)
    write(
        file,
        "# top\nvars:\n- rev: v1\ndatasets:\n# the first\n- name: one # mine\n  type: dvc\n  desc: raw data\n"
        "  url: ../other # there\n"
        "  rev: v1 # the old one\n- name: two\n  url: ../other\n  type: dvc\n  rev: ${rev}\nstages:\n  s: {cmd: 'true'} # fine\n",
    )
    before = file.read_text()
    dvx(dialect_repo, "ds", "update", "one")
    dvx(dialect_repo, "ds", "update", "two")
    assert file.read_text() == before
    assert lock(dialect_repo).read_text().count(f"rev_lock: {git(other, 'rev-parse', 'v1')}") == 2
    dvx(dialect_repo, "ds", "update", "one", "--version", "HEAD")
    assert file.read_text() == before.replace("rev: v1 # the old one", "rev: HEAD # the old one")
    dvx(dialect_repo, "ds", "add", "-f", "--dvc", "../other", "--rev", "HEAD", "--path", "deep", "one")
    found = load_yaml(file.read_text(), "p")["datasets"][0]
    assert found == {"name": "one", "type": "dvc", "desc": "raw data", "url": "../other", "path": "deep", "rev": "HEAD"}
    assert list(found)[-2:] == ["path", "rev"]
    dvx(dialect_repo, "ds", "add", "-f", "--dvc", "../other", "one")
    assert file.read_text() == before.replace("  rev: v1 # the old one\n", "")


def test_a_relative_url_is_seen_from_its_file(dialect_repo: Path, other: Path) -> None:
    (dialect_repo / "sub").mkdir()
    dvx(dialect_repo / "sub", "ds", "add", "--dvc", "../../other", "low")
    after = renew(other)
    dvx(dialect_repo, "ds", "update", "low")
    assert after in (dialect_repo / "sub" / dialect_of(dialect_repo).lock).read_text()
    refused = run_dvx(dialect_repo, "ds", "add", "-f", "--dvc", "../other", "low")
    assert refused.err.startswith(f"error: the dataset `low` belongs to `sub/{dialect_of(dialect_repo).pipeline}`\nhint: ")
    stage(dialect_repo, "low")


def test_what_only_dvc_can_look_at_is_used_as_it_is_locked(dialect_repo: Path) -> None:
    text = "- name: chain\n  url: dc://dogs@v3\n  type: dc\n"
    write(pipeline(dialect_repo), f"datasets:\n{text}")
    locked = f"schema: '2.0'\ndatasets:\n{text}  version: 3\n  created_at: '2024-01-01T00:00:00+00:00'\n"
    write(lock(dialect_repo), locked)
    stage(dialect_repo, "chain")
    assert lock(dialect_repo).read_text().startswith(locked + "stages:\n  s:\n")
    assert dvx(dialect_repo, "status", "--json").json == {}
    lock(dialect_repo).write_text(lock(dialect_repo).read_text().replace("version: 3", "version: 4", 1))
    assert "dc://dogs@v3 (v3) -> dc://dogs@v3 (v4)" in dvx(dialect_repo, "explain").out


def test_experiments_record_datasets(dialect_repo: Path, other: Path) -> None:
    dvx(dialect_repo, "ds", "add", "--dvc", "../other", "all")
    stage(dialect_repo, "all")
    commit_all(dialect_repo)
    after = renew(other)
    dvx(dialect_repo, "ds", "update", "all")
    for words in (("-n", "here"), ("--temp", "-n", "apart")):
        dvx(dialect_repo, "exp", "run", *words)
    for name in ("here", "apart"):
        commit = git(dialect_repo, "for-each-ref", "--format=%(objectname)", f"refs/exps/**/{name}")
        assert git(dialect_repo, "show", f"{commit}:{lock(dialect_repo).name}").count(after) == 2
    shown = dvx(dialect_repo, "exp", "show", "--json").json
    assert shown[0]["data"]["deps"] == {}


def test_a_changed_dataset_counts_for_each_item_of_a_map(native: Path) -> None:
    write(native / "in/a", "1\n")
    command = 'echo x >> ran; cp "$DVX_ITEM" "$DVX_OUT"'
    stages = f"stages:\n  s: {{cmd: '{command}', deps: ['ds://chain'], map: in, outs: [out]}}\n"
    write(native / "dvx.yaml", f"datasets:\n- {{name: chain, url: 'dc://dogs', type: dc}}\n{stages}")
    place, text = native / "dvx.lock", None
    for version, expected in ((1, 1), (1, 1), (2, 2)):
        entry = {"name": "chain", "url": "dc://dogs", "type": "dc", "version": version, "created_at": "x"}
        write(place, splice_dataset(text, entry))
        dvx(native, "repro")
        assert runs(native) == expected
        text = place.read_text()


@pytest.mark.s3
def test_a_listing_of_a_store_is_recorded(dialect_repo: Path, s3: S3Server) -> None:
    bucket, files = s3.new_bucket(), s3.files()
    files.call_s3("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    files.pipe({f"{bucket}/d/{name}": name.encode() for name in ("a", "gone", "sub/b")} | {f"{bucket}/f": b""})
    dvx(dialect_repo, "remote", "add", "store", f"s3://{bucket}")
    for option, value in s3.options().items():
        dvx(dialect_repo, "remote", "modify", "--local", "store", option, value)
    dvx(dialect_repo, "ds", "add", "--url", "remote://store/d", "folder")
    file = dvx(dialect_repo, "ds", "add", "--json", "--url", "remote://store/f", "file").json["new"]
    assert list(file["meta"]) == ["size", "version_id", "etag"]
    [version] = files.call_s3("list_object_versions", Bucket=bucket, Prefix="f")["Versions"]
    assert file["meta"] == {"size": 0, "version_id": version["VersionId"], "etag": version["ETag"].strip('"')}
    stage(dialect_repo, "folder", "file")
    assert dvx(dialect_repo, "ds", "update", "folder").err == "Nothing to update\n"
    files.pipe({f"{bucket}/d/a": b"a", f"{bucket}/d/new": b"n"})
    files.rm(f"{bucket}/d/gone")
    said = dvx(dialect_repo, "ds", "update", "folder").err
    assert said.startswith("Updating folder (remote://store/d)\nM\ta\nD\tgone\nA\tnew\n")
    explained = dvx(dialect_repo, "explain").out
    assert "    remote://store/d (3 files) -> remote://store/d (3 files)\n    ~ ds://folder/a\n" in explained
    assert (
        "there is nothing at `remote://store/nope`" in run_dvx(dialect_repo, "ds", "add", "--url", "remote://store/nope", "x").err
    )
