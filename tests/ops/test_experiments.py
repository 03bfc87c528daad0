"""Experiments in real repositories: recorded whole or absent, applied without losing anything, removed by name."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3

import pytest

from dvx.errors import AtRisk, DvxError, GitError, MissingData, StageFailed, UnknownTarget, UnsafePath, UsageError
from dvx.model.events import Notice, silent
from dvx.model.pipelines.staleness import Action
from dvx.ops.experiments import apply as applying
from dvx.ops.experiments import refs
from dvx.ops.experiments import run as running
from dvx.ops.experiments import show as showing
from dvx.ops.experiments.refs import BaselineScope
from dvx.ops.experiments.run import RunOptions
from dvx.ops.experiments.save import SaveOptions, save
from dvx.ops.experiments.show import ShowOptions
from dvx.ops.pipelines.repro import ReproOptions
from dvx.project import Project
from dvx.store.rows import RowCache
from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, tree, write

PIPELINE = """\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh]
    params: [lr]
    outs: [model.txt]
    metrics:
    - metrics.json:
        cache: false
"""
CODE = """\
lr=$(sed -n 's/^lr: *//p' params.yaml)
echo "model: $lr" > model.txt
echo "{\\"acc\\":$lr}" > metrics.json
"""


@pytest.fixture
def folder(dialect_repo):
    """A project with one stage, reproduced and committed."""
    write(dialect_repo / "params.yaml", "# learning rate\nlr: 1\nepochs: 2\n")
    write(dialect_repo / "train.sh", CODE)
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    run(dialect_repo, name="first")
    git(dialect_repo, "update-ref", "-d", ref_of(dialect_repo, "first"))
    commit_all(dialect_repo, "base")
    return dialect_repo


def project(folder) -> Project:
    return Project.find(str(folder))


def run(folder, *overrides, name="", tell=silent, **options):
    repro = ReproOptions(force=options.pop("rerun", False), dry=options.pop("dry", False))
    opened, asked = project(folder), RunOptions(repro, name, tuple(overrides), **options)
    return running.run(opened, running.prepare(opened, asked), asked, tell)


def apply(folder, name, *, force=True, tell=silent):
    return applying.apply(project(folder), name, tell, force=force)


def names(folder, **scope):
    return [one.ref.name for group in refs.listing(project(folder), BaselineScope(**scope)) for one in group.experiments]


def ref_of(folder, name):
    head = git(folder, "rev-parse", "HEAD")
    return f"refs/exps/{head[:2]}/{head[2:]}/{name}"


def git_state(folder):
    return (
        git(folder, "rev-parse", "HEAD"),
        git(folder, "symbolic-ref", "HEAD"),
        git(folder, "ls-files", "-s"),
        git(folder, "stash", "list"),
    )


def trash(folder):
    here = project(folder).trash
    return {item.path: open(item.place, "rb").read() for item in here.items()}


def test_a_run_is_recorded_on_top_of_head(folder):
    before = git_state(folder)
    recorded = run(folder, "lr=3", name="e-one")
    dialect = dialect_of(folder)
    head = git(folder, "rev-parse", "HEAD")
    assert git(folder, "rev-parse", ref_of(folder, "e-one")) == recorded.commit
    assert git(folder, "show", "--no-patch", "--format=%P", recorded.commit) == head
    assert git(folder, "show", "--no-patch", "--format=%B", recorded.commit).startswith(f"{dialect.name}: commit experiment ")
    changed = git(folder, "diff", "--name-only", head, recorded.commit).split()
    assert sorted(changed) == sorted([dialect.lock, "metrics.json", "params.yaml"])
    assert git(folder, "show", f"{recorded.commit}:params.yaml") == "# learning rate\nlr: 3\nepochs: 2"
    assert (folder / "metrics.json").read_text() == '{"acc":3}\n'
    assert git_state(folder) == before


def test_uncommitted_and_staged_changes_are_part_of_it(folder):
    write(folder / "train.sh", CODE + "# other code\n")
    write(folder / "staged.txt", "staged\n")
    git(folder, "add", "staged.txt")
    before = git_state(folder)
    commit = run(folder, name="dirty").commit
    assert git(folder, "show", f"{commit}:train.sh").endswith("# other code")
    assert git(folder, "show", f"{commit}:staged.txt") == "staged"
    assert git_state(folder) == before


def test_untracked_files_stay_out_and_a_missing_dependency_is_told(folder):
    write(folder / "loose.txt", "loose\n")
    write(folder / "new.sh", "# new\n")
    pipeline = folder / dialect_of(folder).pipeline
    pipeline.write_text(PIPELINE.replace("[train.sh]", "[train.sh, new.sh]"))
    told = []
    commit = run(folder, name="e", tell=told.append).commit
    assert not {"loose.txt", "new.sh", "model.txt"} & set(git(folder, "ls-tree", "-r", "--name-only", commit).split())
    assert any(isinstance(event, Notice) and "`new.sh`" in event.message for event in told)


def test_a_pipeline_that_was_never_given_to_git_is_recorded(dialect_repo):
    write(dialect_repo / "params.yaml", "lr: 1\n")
    write(dialect_repo / "train.sh", CODE)
    write(dialect_repo / dialect_of(dialect_repo).pipeline, PIPELINE)
    commit = run(dialect_repo, name="e").commit
    held = set(git(dialect_repo, "ls-tree", "-r", "--name-only", commit).split())
    assert {dialect_of(dialect_repo).pipeline, dialect_of(dialect_repo).lock, "params.yaml", "metrics.json", ".gitignore"} <= held


def test_the_command_learns_which_experiment_it_is(folder):
    prefix = dialect_of(folder).environment_prefix
    write(folder / "train.sh", CODE + f"echo ${prefix}_EXP_NAME ${prefix}_EXP_BASELINE_REV >> model.txt\n")
    run(folder, "lr=5", name="named")
    assert (folder / "model.txt").read_text().split()[-2:] == ["named", git(folder, "rev-parse", "HEAD")]


def test_a_name_is_drawn(folder):
    one, two = run(folder, "lr=2").ref.name, run(folder, "lr=3").ref.name
    assert one != two
    assert sorted(names(folder)) == sorted([one, two])


def test_a_taken_name_is_refused_before_anything_changes(folder):
    run(folder, "lr=3", name="e")
    apply_base(folder)
    before = tree(folder, skip=(".git", dialect_of(folder).folder))
    with pytest.raises(DvxError, match="experiment `e` exists already") as caught:
        run(folder, "lr=4", name="e")
    assert "exp run -f" in caught.value.hint
    assert tree(folder, skip=(".git", dialect_of(folder).folder)) == before


def test_the_same_run_again_keeps_its_record(folder):
    first = run(folder, "lr=3", name="e")
    again = run(folder, "lr=3", name="e")
    assert again.commit == first.commit
    assert [one.action for one in again.ran.stages] == [Action.SKIP]


def test_force_replaces_a_namesake(folder):
    first = run(folder, "lr=3", name="e")
    second = run(folder, "lr=4", name="e", force=True)
    assert second.commit != first.commit
    assert git(folder, "rev-parse", ref_of(folder, "e")) == second.commit


def test_an_own_message(folder):
    commit = run(folder, name="e", message="try é\n\nmore").commit
    assert git(folder, "show", "--no-patch", "--format=%B", commit) == "try é\n\nmore"


def test_a_failed_run_records_nothing_and_says_what_stays(folder):
    write(folder / "train.sh", "exit 3\n")
    told = []
    with pytest.raises(StageFailed):
        run(folder, "lr=9", name="e", tell=told.append)
    assert names(folder, everything=True) == []
    assert "lr: 9" in (folder / "params.yaml").read_text()
    assert any(isinstance(event, Notice) and "`params.yaml` keeps the values" in event.message for event in told)


@pytest.mark.parametrize(
    ("override", "words"), [("nope=1", "no parameter `nope`"), ("other.yaml:a=1", "no parameter file `other.yaml`")]
)
def test_a_bad_override_changes_nothing(folder, override, words):
    before = (folder / "params.yaml").read_bytes()
    with pytest.raises(DvxError, match=words):
        run(folder, "lr=2", override)
    assert (folder / "params.yaml").read_bytes() == before


def test_a_dry_run_changes_nothing(folder):
    before = tree(folder, skip=(".git", dialect_of(folder).folder))
    run(folder, name="e", dry=True)
    assert names(folder, everything=True) == []
    assert tree(folder, skip=(".git", dialect_of(folder).folder)) == before


def test_data_that_is_needed_comes_from_the_cache(folder):
    """But not over an edit, not for stages that are not asked for, and an absent object is named when a stage needs it."""
    dialect = dialect_of(folder)
    for name in ("in.csv", "other.csv", "edited.csv"):
        write(folder / name, f"{name}\n")
        dvx(folder, "add", name)
    pipeline = """\
stages:
  mine:
    cmd: cat in.csv made.txt edited.csv > out.txt
    deps: [in.csv, made.txt, edited.csv]
    params: [lr]
    outs: [out.txt]
  make:
    cmd: echo made > made.txt
    outs: [made.txt]
    frozen: true
  theirs:
    cmd: cat other.csv > theirs.txt
    deps: [other.csv]
    outs: [theirs.txt]
"""
    write(folder / dialect.pipeline, pipeline.replace("    frozen: true\n", ""))
    assert dvx(folder, "repro").code == 0
    write(folder / dialect.pipeline, pipeline)
    commit_all(folder, "more")
    for name in ("in.csv", "made.txt", "other.csv"):
        (folder / name).unlink()
    write(folder / "edited.csv", "edited\n")
    assert dvx(folder, "exp", "run", "mine", "-n", "one", "-S", "lr=3").code == 0
    assert (folder / "out.txt").read_text() == "in.csv\nmade\nedited\n"
    assert not (folder / "other.csv").exists()
    (folder / "made.txt").unlink()
    assert dvx(folder, "exp", "run", "mine", "-n", "two", "-s", "-S", "lr=4").code == 0
    (folder / "in.csv").unlink()
    shutil.rmtree(project(folder).cache.root)
    failed = run_dvx(folder, "exp", "run", "mine", "-n", "three", "-S", "lr=5")
    assert failed.code != 0
    assert "`in.csv`, which the stage `mine` depends on, does not exist" in failed.err
    assert "`params.yaml` keeps the values that were set" in failed.err


def test_where_git_does_not_know_the_user_the_author_is_nobody(folder, home):
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    for words in (("run", "-S", "lr=3"), ("run", "--temp", "-S", "lr=4"), ("run", "--queue", "-S", "lr=5"), ("save", "-f")):
        told = dvx(folder, "exp", *words, "-n", "-".join(words)[:9].strip("-")).err
        assert told.count("note: Git does not know who you are") == (2 if "--temp" in words else 1)
    dvx(folder, "queue", "work")
    authors = git(folder, "for-each-ref", "--format=%(authorname) %(committeremail)", "refs/exps/").splitlines()
    assert set(authors) == {"dvx <dvx@localhost>"}
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    assert "who you are" not in dvx(folder, "exp", "run", "-S", "lr=6", "-n", "known").err
    assert "Ada <ada@example.org>" in git(folder, "for-each-ref", "--format=%(authorname) %(committeremail)", "refs/exps/")


def test_the_first_commit_must_exist(repo):
    dvx(repo, "init")
    with pytest.raises(GitError, match="no commit yet"):
        run(repo)


def test_without_git_there_are_no_experiments(tmp_path):
    (tmp_path / "plain").mkdir()
    dvx(tmp_path / "plain", "init", "--no-scm")
    with pytest.raises(GitError, match="experiments need Git"):
        refs.listing(project(tmp_path / "plain"), BaselineScope())


def test_apply_makes_the_workspace_hold_the_experiment(folder):
    run(folder, "lr=3", name="three")
    run(folder, "lr=4", name="four")
    before = git_state(folder)
    applied = apply(folder, "three")
    assert (folder / "params.yaml").read_text() == "# learning rate\nlr: 3\nepochs: 2\n"
    assert (folder / "model.txt").read_text() == "model: 3\n"
    assert set(applied.files) == {"params.yaml", "metrics.json", dialect_of(folder).lock}
    assert applied.outputs.modified == ("model.txt",)
    assert git_state(folder) == before
    assert run(folder, name="again").ran.stages[0].action is Action.SKIP
    assert trash(folder) == {}


def test_apply_by_commit(folder):
    commit = run(folder, "lr=3", name="three").commit
    run(folder, "lr=4", name="four")
    assert apply(folder, commit[:8]).experiment.ref.name == "three"


def test_unsaved_changes_go_to_the_trash(folder):
    run(folder, "lr=3", name="three")
    write(folder / "params.yaml", "lr: 77 # mine\n")
    write(folder / "train.sh", "# mine too\n")
    told = []
    apply(folder, "three", tell=told.append)
    assert trash(folder) == {"params.yaml": b"lr: 77 # mine\n", "train.sh": b"# mine too\n"}
    assert (folder / "train.sh").read_text() == CODE
    assert any(isinstance(event, Notice) and "trash" in event.message and "`params.yaml`" in event.message for event in told)


def test_unsaved_changes_stop_an_apply_that_must_not_overwrite(folder):
    run(folder, "lr=3", name="three")
    run(folder, "lr=4", name="four")
    write(folder / "train.sh", "# mine\n")
    before = tree(folder, skip=(".git", dialect_of(folder).folder))
    with pytest.raises(AtRisk) as caught:
        apply(folder, "three", force=False)
    assert caught.value.paths == ("train.sh",)
    assert tree(folder, skip=(".git", dialect_of(folder).folder)) == before


def test_a_folder_in_the_way_goes_to_the_trash_whole(folder):
    write(folder / "sub/code.py", "tracked\n")
    commit_all(folder)
    run(folder, name="e")
    (folder / "sub/code.py").unlink()
    write(folder / "sub/code.py/notes.txt", "mine\n")
    (folder / "train.sh").unlink()
    write(folder / "train.sh/deep/x", "mine\n")
    apply(folder, "e")
    assert (folder / "sub/code.py").read_text() == "tracked\n"
    assert (folder / "train.sh").read_text() == CODE
    assert {item.path for item in project(folder).trash.items()} == {"sub/code.py", "train.sh"}


def test_a_link_in_the_way_is_not_followed(folder, tmp_path):
    write(folder / "sub/code.py", "tracked\n")
    commit_all(folder)
    run(folder, name="e")
    outside = tmp_path / "outside"
    write(outside / "code.py", "not yours\n")
    (folder / "sub/code.py").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(outside)
    apply(folder, "e")
    assert (outside / "code.py").read_text() == "not yours\n"
    assert (folder / "sub/code.py").read_text() == "tracked\n"


def test_files_that_the_experiment_dropped_go(folder):
    write(folder / "old.py", "old\n")
    commit_all(folder)
    (folder / "old.py").unlink()
    run(folder, name="without")
    git(folder, "checkout", "--", "old.py")
    apply(folder, "without")
    assert not (folder / "old.py").exists()
    assert trash(folder) == {}
    write(folder / "old.py", "changed\n")
    apply(folder, "without")
    assert trash(folder) == {"old.py": b"changed\n"}


def test_untracked_files_are_left_alone(folder):
    run(folder, "lr=3", name="three")
    write(folder / "notes.txt", "mine\n")
    apply(folder, "three")
    assert (folder / "notes.txt").read_text() == "mine\n"


def test_apply_without_the_data_applies_the_rest_and_says_so(folder):
    run(folder, "lr=3", name="three")
    run(folder, "lr=4", name="four")
    state = project(folder)
    for path in list((folder / dialect_of(folder).folder / "cache/files").rglob("*")):
        if path.is_file() and path.read_bytes() == b"model: 3\n":
            path.unlink()
    state.close()
    with pytest.raises(MissingData, match=r"model\.txt"):
        apply(folder, "three")
    assert "lr: 3" in (folder / "params.yaml").read_text()
    assert (folder / "model.txt").read_text() == "model: 4\n"


def test_an_unknown_experiment_names_the_nearest(folder):
    run(folder, "lr=3", name="brave-otter")
    for use in (
        lambda: apply(folder, "brave-ottre"),
        lambda: refs.remove(project(folder), ["brave-ottre"], None, keep=False),
    ):
        with pytest.raises(UnknownTarget, match="no experiment `brave-ottre`") as caught:
            use()
        assert caught.value.hint == "did you mean `brave-otter`?"


def test_listing_by_baseline(folder):
    run(folder, "lr=3", name="old")
    apply_base(folder)
    first = git(folder, "rev-parse", "HEAD")
    commit_all(folder, "second")
    run(folder, "lr=4", name="new")
    assert names(folder) == ["new"]
    assert names(folder, number=2) == ["new", "old"]
    assert names(folder, revisions=(first,)) == ["old"]
    assert sorted(names(folder, everything=True)) == ["new", "old"]
    assert [group.name for group in refs.listing(project(folder), BaselineScope())] == ["main"]


def test_remove_by_name_by_scope_and_all_but(folder):
    for value, name in ((3, "a"), (4, "b"), (5, "c")):
        run(folder, f"lr={value}", name=name)
    here = project(folder)
    assert [one.ref.name for one in refs.remove(here, ["b"], None, keep=False)] == ["b"]
    with pytest.raises(UnknownTarget):
        refs.remove(here, ["a", "nope"], None, keep=False)
    assert sorted(names(folder)) == ["a", "c"]
    assert [one.ref.name for one in refs.remove(here, ["a"], None, keep=True)] == ["c"]
    with pytest.raises(UsageError):
        refs.remove(here, [], None, keep=False)
    refs.remove(here, [], BaselineScope(everything=True), keep=False)
    assert names(folder, everything=True) == []


def test_rename_and_branch(folder):
    commit = run(folder, "lr=3", name="a").commit
    run(folder, "lr=4", name="b")
    here = project(folder)
    with pytest.raises(DvxError, match="there is an experiment `b` already"):
        refs.rename(here, "a", "b", force=False)
    other = git(folder, "rev-parse", ref_of(folder, "b"))
    renamed, replaced = refs.rename(here, "a", "c", force=False)
    assert (renamed.commit, replaced) == (commit, "")
    assert refs.rename(here, "c", "b", force=True)[1] == other
    assert (names(folder), git(folder, "rev-parse", ref_of(folder, "b"))) == (["b"], commit)
    assert refs.branch(here, "b", "")[0] == "b-branch"
    assert git(folder, "rev-parse", "b-branch") == commit
    for bad in ("b-branch", "--force", "a..b"):
        with pytest.raises(DvxError):
            refs.branch(here, "b", bad)


def test_save_records_without_running(folder):
    write(folder / "notes.txt", "mine\n")
    write(folder / "train.sh", "# edited\n")
    saved = save(project(folder), SaveOptions("by-hand", include=("notes.txt",)), silent)
    assert git(folder, "show", f"{saved.commit}:notes.txt") == "mine"
    assert git(folder, "show", f"{saved.commit}:train.sh") == "# edited"


def test_data_of_the_cache_and_private_settings_never_enter_git(folder):
    """Not by name, not within a folder that is named, and not because a pipeline file says that it plots them."""
    dialect = dialect_of(folder)
    private = f"{dialect.folder}/config.local"
    text = (folder / dialect.pipeline).read_text()
    write(folder / dialect.pipeline, f"{text}plots: [model.txt, build]\nmetrics: [secret.json]\n")
    write(folder / "build/data.bin", "data\n")
    dvx(folder, "add", "build/data.bin")
    write(folder / ".gitignore", "/model.txt\nbuild\nsecret.json\n")
    write(folder / "build/notes.txt", "mine\n")
    write(folder / "secret.json", "{}\n")
    write(folder / private, "")
    told = []
    wanted = ("model.txt", "build", "absent")
    kept = [save(project(folder), SaveOptions("named", include=wanted), told.append).commit, run(folder, name="run").commit]
    with pytest.raises(UnsafePath):
        save(project(folder), SaveOptions("private", include=(private,)), silent)
    held = [set(git(folder, "ls-tree", "-r", "--name-only", commit).splitlines()) for commit in kept]
    assert "build/notes.txt" in held[0]
    for one in held:
        assert one.isdisjoint({"model.txt", "build/data.bin", "secret.json", private})
    words = [one.message for one in told if isinstance(one, Notice)]
    assert "`absent` does not exist, so the experiment does not hold it" in words
    assert "the experiment does not hold `build`, `secret.json`, which Git ignores" in words


def test_what_is_private_to_a_project_in_an_included_folder_stays_out_of_git(folder):
    write(folder / ".gitignore", "other\n")
    for own in (".dvx", ".dvc"):
        for name in ("config", "config.local", "tmp/lock", "cache/files/md5/00/1"):
            write(folder / "other" / own / name, "")
    saved = save(project(folder), SaveOptions("named", include=("other",)), silent)
    held = git(folder, "ls-tree", "-r", "--name-only", saved.commit, "other").splitlines()
    assert held == ["other/.dvc/config", "other/.dvx/config"]


def test_files_that_a_pipeline_file_is_made_of_are_part_of_the_experiment(folder):
    pipeline = dialect_of(folder).pipeline
    write(folder / "vars.yaml", "rate: 3\n")
    write(folder / pipeline, "vars: [vars.yaml]\nstages:\n  s:\n    cmd: echo ${rate} > out\n    outs: [out]\n")
    kept = run(folder, name="run").commit
    assert git(folder, "show", f"{kept}:vars.yaml") == "rate: 3"


def test_what_was_included_is_not_called_missing(folder):
    pipeline = dialect_of(folder).pipeline
    write(folder / pipeline, (folder / pipeline).read_text().replace("deps: [train.sh]", "deps: [train.sh, more/in.txt]"))
    write(folder / "more/in.txt", "1\n")
    told = []
    save(project(folder), SaveOptions("with", include=("more",)), told.append)
    assert not [one for one in told if isinstance(one, Notice) and "does not hold" in one.message]
    save(project(folder), SaveOptions("without"), told.append)
    words = [one.message for one in told if isinstance(one, Notice)]
    assert words == ["the experiment does not hold `more/in.txt`, which Git does not track"]


def test_show_has_values_of_workspace_commits_and_experiments(folder):
    run(folder, "lr=3", name="three")
    workspace, head = showing.show(project(folder), ShowOptions())
    assert workspace.row.data["params"] == {"params.yaml": {"data": {"lr": 3, "epochs": 2}}}
    assert head.row.data["metrics"] == {"metrics.json": {"data": {"acc": 1}}}
    assert (head.row.name, head.row.revision) == ("main", git(folder, "rev-parse", "HEAD"))
    (three,) = head.experiments
    assert (three.name, three.data["metrics"]) == ("three", {"metrics.json": {"data": {"acc": 3}}})
    assert list(three.data["outs"]) == ["model.txt"]
    assert three.data["outs"]["model.txt"]["use_cache"] is True
    assert three.data["deps"]["train.sh"]["size"] == len(CODE)


def test_a_commit_that_cannot_be_read_is_a_row_with_an_error(folder):
    good = git(folder, "rev-parse", "HEAD")
    pipeline = folder / dialect_of(folder).pipeline
    pipeline.write_text("stages: [\n")
    commit_all(folder, "broken")
    broken, fine = showing.show(project(folder), ShowOptions(BaselineScope(number=2), workspace=False))
    assert broken.row.data is None
    assert pipeline.name in broken.row.error["msg"]
    assert (fine.row.revision, fine.row.error) == (good, None)


def test_what_is_known_of_commits_is_kept_and_may_be_lost(folder):
    run(folder, "lr=3", name="three")
    first = showing.show(project(folder), ShowOptions())
    place = project(folder).state + "/rows.db"
    with sqlite3.connect(place) as connection:
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (4,)
        connection.execute(
            "UPDATE rows SET body = ?", (json.dumps({"data": None, "error": {"msg": "lie", "type": ""}}).encode(),)
        )
    connection.close()
    assert showing.show(project(folder), ShowOptions()) == first
    with open(place, "wb") as file:
        file.write(b"this is no database" * 1000)
    assert showing.show(project(folder), ShowOptions()) == first
    assert showing.show(project(folder), ShowOptions()) == first


def test_kept_rows(tmp_path):
    kept = RowCache(str(tmp_path / "deep/rows.db"))
    assert kept.get_many(["a"]) == {}
    kept.put_many({"a": "1", "é": "ü"})
    assert kept.get_many(["a", "é", "nope"]) == {"a": "1", "é": "ü"}


def apply_base(folder):
    git(folder, "checkout", "--", ".")
    dvx(folder, "checkout")


def test_an_edit_in_the_clock_tick_of_the_index_is_recorded(folder):
    """What Git calls racy: same size, same times as in the index, and an index no younger than the file."""
    git(folder, "config", "core.trustctime", "false")
    moment = 1_700_000_000_123_000_000
    os.utime(folder / "train.sh", ns=(moment, moment))
    git(folder, "update-index", "--refresh")
    os.utime(folder / ".git/index", ns=(moment, moment))
    write(folder / "train.sh", CODE.replace("model:", "MODEL:"))
    os.utime(folder / "train.sh", ns=(moment, moment))
    run(folder, name="racy")
    assert "MODEL:" in git(folder, "show", f"{ref_of(folder, 'racy')}:train.sh")
