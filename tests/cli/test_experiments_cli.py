"""`dvx exp ...` as typed: words, flags, exit codes and JSON."""

from __future__ import annotations

import re

import pytest

from tests.helpers import commit_all, dialect_of, dvx, git, run_dvx, write

CODE = """\
lr=$(sed -n 's/^lr: *//p' params.yaml)
echo "model $lr" > model.txt
echo "{\\"acc\\": $lr, \\"loss\\": 0.123456789}" > metrics.json
"""


@pytest.fixture
def folder(dialect_repo):
    """A project with one stage and the experiments `one` (lr 0.5) and `two` (lr 2)."""
    write(dialect_repo / "params.yaml", "lr: 1\nepochs: 7\n")
    write(dialect_repo / "train.sh", CODE)
    dvx(
        dialect_repo,
        "stage",
        "add",
        "-n",
        "train",
        "-d",
        "train.sh",
        "-p",
        "lr",
        "-o",
        "model.txt",
        "-M",
        "metrics.json",
        "sh train.sh",
    )
    dvx(dialect_repo, "repro")
    commit_all(dialect_repo, "base")
    dvx(dialect_repo, "exp", "run", "-n", "one", "-S", "lr=0.5")
    dvx(dialect_repo, "exp", "run", "-n", "two", "-S", "lr=2")
    return dialect_repo


def test_run_says_its_name_and_prints_nothing_else(folder):
    result = dvx(folder, "exp", "run", "-n", "three", "-S", "lr=3")
    assert result.out == ""
    assert "Running stage 'train'" in result.err
    assert result.err.endswith("Ran experiment(s): three\nExperiment results have been applied to your workspace.\n")


def test_run_as_json(folder):
    result = dvx(folder, "exp", "run", "-n", "three", "-S", "lr=3", "-m", "a try", "--json").json
    head = git(folder, "rev-parse", "HEAD")
    ref = f"refs/exps/{head[:2]}/{head[2:]}/three"
    assert result == {"name": "three", "commit": git(folder, "rev-parse", ref), "ref": ref}
    assert git(folder, "show", "--no-patch", "--format=%s", ref) == "a try"


def test_a_failing_stage_fails_the_run(folder):
    write(folder / "train.sh", "exit 3\n")
    result = run_dvx(folder, "exp", "run", "-n", "bad")
    assert result.code == dialect_of(folder).exit_codes.error
    assert "Traceback" not in result.err
    assert set(dvx(folder, "exp", "list", "--name-only").out.split()) == {"one", "two"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "-n", "a b"), "`a b` is not a name for an experiment: it holds ' '"),
        (("run", "-n", "one", "-S", "lr=9"), "experiment `one` exists already"),
        (("run", "-S", "lrr=9"), "there is no parameter `lrr` in `params.yaml`"),
        (("run", "nope"), "`nope`"),
        (("apply", "oen"), "there is no experiment `oen`\nhint: did you mean `one`?"),
        (("remove", "--", "--all"), "there is no experiment `--all`"),
        (("remove",), "no experiment is named"),
        (("diff", "oen"), "unknown Git revision `oen`\nhint: did you mean `one`?"),
        (("diff", "--", "--output=x"), "unknown Git revision `--output=x`"),
        (("list", "--rev", "nope"), "unknown Git revision `nope`"),
        (("list", "nowhere"), "there is no Git remote"),
        (("show", "--sort-by", "ac"), "there is no column `ac`\nhint: did you mean `acc`?"),
        (("show", "--sort-order", "up"), "`--sort-order` is `asc` or `desc`, not `up`"),
        (("show", "--drop", "("), "`(` is not a regular expression"),
        (("branch", "one", "main"), "there is a branch `main` already"),
        (("rename", "one", "a/b"), "`a/b` is not a name for an experiment"),
    ],
)
def test_mistakes_are_named(folder, words, message):
    refs = git(folder, "for-each-ref")
    result = run_dvx(folder, "exp", *words)
    assert result.code not in (0, 3)
    assert message in result.err
    assert result.out == ""
    assert git(folder, "for-each-ref") == refs


def test_list(folder):
    ids = {
        name: git(
            folder, "rev-parse", f"refs/exps/{git(folder, 'rev-parse', 'HEAD')[:2]}/{git(folder, 'rev-parse', 'HEAD')[2:]}/{name}"
        )
        for name in ("one", "two")
    }
    text = dvx(folder, "exp", "list").out
    assert text.splitlines()[0] == "main:"
    assert sorted(text.splitlines()[1:]) == sorted(f"\t{commit[:7]} [{name}]" for name, commit in ids.items())
    assert set(dvx(folder, "exp", "list", "--name-only").out.split()) == {"one", "two"}
    assert set(dvx(folder, "exp", "list", "--sha-only").out.split()) == set(ids.values())
    (group,) = dvx(folder, "experiments", "list", "--json").json
    assert (group["baseline"], group["name"]) == (git(folder, "rev-parse", "HEAD"), "main")
    assert {one["name"]: one["commit"] for one in group["experiments"]} == ids


def test_list_of_another_commit_and_of_all(folder):
    commit_all(folder, "next")
    assert dvx(folder, "exp", "list").out == ""
    assert set(dvx(folder, "exp", "list", "-n", "2", "--name-only").out.split()) == {"one", "two"}
    assert set(dvx(folder, "exp", "list", "-A", "--name-only").out.split()) == {"one", "two"}
    assert re.fullmatch(r"[0-9a-f]{7}:", dvx(folder, "exp", "list", "-A").out.splitlines()[0])


def test_list_of_a_remote(folder, tmp_path):
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(folder, "push", "--quiet", tmp_path / "remote", "refs/exps/*:refs/exps/*")
    assert dvx(folder, "exp", "list", tmp_path / "remote", "--name-only").out.split() == ["one", "two"]


def test_apply(folder):
    result = dvx(folder, "exp", "apply", "one")
    assert "Changes for experiment 'one' have been applied to your current workspace." in result.err
    assert (folder / "model.txt").read_text() == "model 0.5\n"
    assert dvx(folder, "exp", "apply", "two", "--json").json == {
        "name": "two",
        "files": [dialect_of(folder).lock, "metrics.json", "params.yaml"],
        "outputs": ["model.txt"],
    }


def test_apply_no_force(folder):
    write(folder / "params.yaml", "lr: 1000\n")
    result = run_dvx(folder, "exp", "apply", "one", "--no-force")
    assert result.code == dialect_of(folder).exit_codes.error
    assert "would overwrite changes that are in no commit: `params.yaml`" in result.err
    assert (folder / "params.yaml").read_text() == "lr: 1000\n"


def test_remove_rename_branch_save(folder):
    assert "Renamed experiments: 'uno'" in dvx(folder, "exp", "rename", "one", "uno").err
    assert "Git branch 'uno-branch' has been created from experiment 'uno'." in dvx(folder, "exp", "branch", "uno").err
    saved = dvx(folder, "exp", "save", "-n", "kept", "--json").json
    assert git(folder, "cat-file", "-t", saved["ref"]) == "commit"
    assert "Removed experiments: 'kept'" in dvx(folder, "exp", "remove", "kept").err
    gone = dvx(folder, "exp", "remove", "-A", "--json").json
    assert {one["name"] for one in gone} == {"uno", "two"}
    assert dvx(folder, "exp", "list", "-A").out == ""


def test_diff(folder):
    assert dvx(folder, "exp", "diff", "one", "two", "--json").json == {
        "metrics": {"metrics.json": {"acc": {"old": 0.5, "new": 2, "diff": 1.5}}},
        "params": {"params.yaml": {"lr": {"old": 0.5, "new": 2, "diff": 1.5}}},
    }
    assert dvx(folder, "exp", "diff", "one").out == (
        "Path          Metric    one    workspace    Change\n"
        "metrics.json  acc       0.5    2            1.5\n"
        "\n"
        "Path         Param    one    workspace    Change\n"
        "params.yaml  lr       0.5    2            1.5\n"
    )
    assert dvx(folder, "exp", "diff", "two", "two").out == ""
    assert "epochs" in dvx(folder, "exp", "diff", "--all").out
    assert "epochs" not in dvx(folder, "exp", "diff", "--all", "--param-deps").out
    assert dvx(folder, "exp", "diff", "--md", "--no-path").out.startswith("| Metric")


def test_show_as_a_table(folder):
    lines = dvx(folder, "exp", "show").out.splitlines()
    assert lines[0].split() == ["Experiment", "Created", "acc", "loss", "lr", "epochs", "train.sh"]
    assert lines[1].split()[:6] == ["workspace", "-", "2", "0.12346", "2", "7"]
    assert lines[2].startswith("main ")
    assert {re.sub(r"[0-9a-f]{7}", "SHA", line.split("  ")[0]) for line in lines[3:]} <= {
        "├── SHA [two]", "└── SHA [one]", "├── SHA [one]", "└── SHA [two]",
    }  # fmt: skip
    assert len(lines) == 5


def test_show_columns(folder):
    def headers(*options):
        return dvx(folder, "exp", "show", "--csv", *options).out.splitlines()[0].split(",")[4:]

    assert headers() == ["parent", "acc", "loss", "lr", "epochs", "train.sh"]
    assert headers("--only-changed") == ["acc", "lr"]
    assert headers("--only-changed", "--keep", "epo") == ["acc", "lr", "epochs"]
    # `typ` goes with the others
    assert headers("--drop", "l", "--drop", "t") == ["acc", "epochs"]
    assert "Created" not in dvx(folder, "exp", "show", "--drop", "Cr").out
    assert "Created" in dvx(folder, "exp", "show", "--drop", "Cr", "--keep", "Created").out
    assert dvx(folder, "exp", "show", "--csv", "--drop", "rev|typ").out.startswith("Experiment,Created,parent,")
    assert headers("--param-deps") == ["parent", "acc", "loss", "lr", "train.sh"]


def test_show_sorted_and_hidden(folder):
    def names(*options):
        return [line.split(",")[0] for line in dvx(folder, "exp", "show", "--csv", *options).out.splitlines()[1:]]

    assert names("--sort-by", "acc") == ["", "", "one", "two"]
    assert names("--sort-by", "metrics.json:acc", "--sort-order", "desc", "--hide-workspace") == ["", "two", "one"]
    assert names("--sort-by", "params.yaml:lr") == ["", "", "one", "two"]


def test_show_as_csv_and_markdown(folder):
    out = dvx(folder, "exp", "show", "--csv", "--sort-by", "acc", "--precision", "2").out
    assert "\r\n" in out
    rows = [line.split(",") for line in out.splitlines()]
    assert rows[0] == ["Experiment", "rev", "typ", "Created", "parent", "acc", "loss", "lr", "epochs", "train.sh"]
    assert rows[1][:9] == ["", "workspace", "baseline", "", "", "2", "0.12", "2", "7"]
    assert rows[2][1:3] == ["main", "baseline"]
    assert [row[2] for row in rows[3:]] == ["branch_commit", "branch_base"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", rows[3][3])
    assert len(rows[3][-1]) in (32, 64)
    assert dvx(folder, "exp", "show", "--md").out.startswith("| Experiment")
    assert git(folder, "rev-parse", "--short=7", "HEAD") in dvx(folder, "exp", "show", "--md", "--sha").out


def test_columns_of_one_name_say_their_file(folder):
    write(folder / "metrics.json", '{"lr": 0.25}\n')
    header = dvx(folder, "exp", "show").out.splitlines()[0].split()
    assert header[2:] == ["metrics.json:lr", "acc", "loss", "params.yaml:lr", "epochs", "train.sh"]


def test_show_as_json_has_dvcs_shape(folder):
    workspace, head = dvx(folder, "exp", "show", "--json").json
    assert workspace["data"]["meta"] == {}
    assert list(workspace) == ["rev", "name", "data", "error", "experiments"]
    assert (workspace["rev"], workspace["name"], workspace["error"], workspace["experiments"]) == ("workspace", None, None, None)
    data = head["data"]
    assert list(data) == ["rev", "timestamp", "params", "metrics", "deps", "outs", "meta"]
    assert data["params"] == {"params.yaml": {"data": {"lr": 1, "epochs": 7}}}
    assert data["metrics"] == {"metrics.json": {"data": {"acc": 1, "loss": 0.123456789}}}
    assert list(data["deps"]["train.sh"]) == ["hash", "size", "nfiles"]
    assert list(data["outs"]["model.txt"]) == ["hash", "size", "nfiles", "use_cache", "is_data_source"]
    assert (data["outs"]["model.txt"]["size"], data["outs"]["model.txt"]["is_data_source"]) == (8, False)
    (one,) = [found for found in head["experiments"] if found["name"] == "one"]
    assert (one["executor"], one["revs"][0]["name"], one["revs"][0]["experiments"]) == (None, "one", None)
    assert one["revs"][0]["data"]["metrics"]["metrics.json"] == {"data": {"acc": 0.5, "loss": 0.123456789}}


def test_show_of_tags_branches_and_all_commits(folder):
    git(folder, "tag", "v1")
    first = git(folder, "rev-parse", "HEAD")
    git(folder, "branch", "side", "HEAD~1")
    commit_all(folder, "next")

    def revisions(*options):
        return [row["name"] or row["rev"] for row in dvx(folder, "exp", "show", "--json", *options).json]

    assert revisions() == ["workspace", "main"]
    assert revisions("-n", "2") == ["workspace", "main", "v1"]
    assert revisions("-T") == ["workspace", "main", "v1"]
    assert revisions("-a") == ["workspace", "main", "side"]
    assert revisions("-A") == ["workspace", "main", "v1", "side"]
    assert revisions("--rev", first) == ["workspace", "v1"]


def test_a_row_that_cannot_be_read_is_told(folder):
    write(folder / dialect_of(folder).pipeline, "stages: 3\n")
    result = dvx(folder, "exp", "show", "--json")
    assert result.json[0]["data"] is None
    assert dialect_of(folder).pipeline in result.json[0]["error"]["msg"]
    assert "workspace: " in dvx(folder, "exp", "show").err


def test_reading_commands_change_nothing_in_git(folder):
    before = git(folder, "for-each-ref"), (folder / ".git/index").read_bytes()
    for words in (("list",), ("show",), ("diff",)):
        dvx(folder, "exp", *words)
    assert (git(folder, "for-each-ref"), (folder / ".git/index").read_bytes()) == before
