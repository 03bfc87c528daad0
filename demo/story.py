"""The whole path on the example project, told and checked: `python -m demo.story [--dvc] [--keep]`."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.narrator import Broken, Narrator

EXAMPLE = Path(__file__).resolve().parent.parent / "example-project"
STAGES = {
    "prepare": "-d prepare.py -d data/penguins.csv -p prepare -o data/prepared",
    "featurize": "-d featurize.py -d data/prepared -p featurize.products -o data/features",
    "train": "-d train.py -d model.py -d data/features -p train -o model.json --plots loss.csv",
    "evaluate": "-d evaluate.py -d model.py -d model.json -d data/features -M metrics.json",
}


@dataclass(frozen=True)
class Setting:
    """Where the story takes place. `options` of the remote are shared in Git, `secrets` are not."""

    remote: str
    dvc: bool = False
    project: Path = EXAMPLE
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How this dialect's files are called: `dvx` or `dvc`."""
        return "dvc" if self.dvc else "dvx"


def tell(folder: Path, setting: Setting) -> None:
    """Tell the story in an empty folder.

    Raises:
        Broken: a step did not do what the narration says.
    """
    narrator = Narrator(folder)
    work = folder / "penguins"
    shutil.copytree(setting.project, work)
    narrator.cwd = work
    start(narrator, setting)
    track(narrator, setting)
    share(narrator, setting)
    reproduce(narrator, setting)
    change(narrator)
    experiment(narrator)
    clone(narrator, setting, folder / "clone")


def start(narrator: Narrator, setting: Setting) -> None:
    """git init, dvx init."""
    narrator.chapter("A project in Git")
    narrator.run("git init --quiet")
    narrator.run("dvx init --dvc" if setting.dvc else "dvx init")
    narrator.check(f"there is a .{setting.name} folder now, and Git will keep its configuration", "config" in _staged(narrator))


def track(narrator: Narrator, setting: Setting) -> None:
    """dvx add."""
    narrator.chapter("Data beside the code")
    narrator.say("344 penguins of three species; the bytes go to the cache, Git gets a small pointer file.")
    narrator.run("dvx add data/penguins.csv")
    pointer = f"data/penguins.csv.{setting.name}"
    narrator.run(f"cat {pointer}")
    narrator.run("git add --all")
    narrator.run("git commit --quiet --message 'Penguins and the code that looks at them'")
    tracked = narrator.ask("git ls-files").splitlines()
    narrator.check(f"Git has {pointer} and not the data itself", pointer in tracked and "data/penguins.csv" not in tracked)


def share(narrator: Narrator, setting: Setting) -> None:
    """dvx remote add, dvx push."""
    narrator.chapter("A remote")
    narrator.run(f"dvx remote add --default storage {setting.remote}")
    for name, value in setting.options.items():
        narrator.run(f"dvx remote modify storage {name} {value}")
    _tell_secrets(narrator, setting)
    first = narrator.run("dvx push")
    again = narrator.run("dvx push")
    narrator.check("one object was copied, and nothing the second time", "1 object pushed" in first and "up to date" in again)
    narrator.run(f"git commit --quiet --message 'A remote' .{setting.name}/config")


def reproduce(narrator: Narrator, setting: Setting) -> None:
    """dvx stage add, dvx dag, dvx repro."""
    narrator.chapter("A pipeline")
    for name, parts in STAGES.items():
        narrator.run(f"dvx stage add -n {name} {parts} python3 {name}.py")
    narrator.run("dvx dag")
    narrator.check("all four stages ran, in order", _ran(narrator.run("dvx repro")) == list(STAGES))
    narrator.run("dvx metrics show")
    narrator.check("the metrics are those of the file", narrator.ask_json("cat metrics.json") == _metrics(narrator))
    narrator.check("a second repro runs nothing", _ran(narrator.run("dvx repro")) == [])
    narrator.run("git add --all")
    narrator.run("git commit --quiet --message 'A pipeline'")
    tracked = narrator.ask("git ls-files").splitlines()
    narrator.check(
        f"Git has {setting.name}.lock and metrics.json, but no model",
        {f"{setting.name}.lock", "metrics.json"} <= set(tracked) and "model.json" not in tracked,
    )


def change(narrator: Narrator) -> None:
    """A changed param: only what depends on it runs; changed back: nothing runs at all."""
    narrator.chapter("A change")
    before = _metrics(narrator)
    _edit(narrator, "lr: 0.01", "lr: 0.1")
    narrator.say("train.lr goes from 0.01 to 0.1 in params.yaml.")
    narrator.run("dvx params diff")
    narrator.check("only the stages that depend on it ran", _ran(narrator.run("dvx repro")) == ["train", "evaluate"])
    narrator.run("dvx metrics diff")
    narrator.check("the model is better now", _metrics(narrator)["accuracy"] > before["accuracy"])
    _edit(narrator, "lr: 0.1", "lr: 0.01")
    narrator.say("train.lr goes back to 0.01.")
    narrator.check("nothing ran: both stages came from the cache", _ran(narrator.run("dvx repro")) == [])
    narrator.check("and the first model is back", _metrics(narrator) == before)
    narrator.check("to the last byte that Git sees", narrator.ask("git status --porcelain") == "")


def experiment(narrator: Narrator) -> None:
    """Three experiments, compared; the best one is kept."""
    narrator.chapter("Experiments")
    head, branches = narrator.ask("git rev-parse HEAD"), narrator.ask("git branch --all")
    narrator.run("dvx exp run -n faster -S train.lr=0.1")
    narrator.run("dvx exp run -n fastest -S train.lr=0.3")
    narrator.run("dvx exp run -n products -S train.lr=0.3 -S featurize.products=true")
    narrator.run("dvx exp show --only-changed --sort-by log_loss")
    names = set(narrator.ask("dvx exp list --name-only").split())
    narrator.check("three experiments are kept in Git", {"faster", "fastest", "products"} <= names)
    untouched = (narrator.ask("git rev-parse HEAD"), narrator.ask("git branch --all")) == (head, branches)
    narrator.check("the branch and its history are as they were", untouched)
    narrator.run("dvx exp diff faster fastest")
    diff = narrator.ask_json("dvx exp diff faster fastest --json")
    rates = diff["params"]["params.yaml"]["train.lr"]
    narrator.check("they differ in the learning rate", (rates["old"], rates["new"]) == (0.1, 0.3))
    narrator.run("dvx exp apply fastest")
    narrator.check("the workspace holds the experiment", "lr: 0.3" in (narrator.cwd / "params.yaml").read_text(encoding="utf-8"))
    narrator.check("all of it: nothing is left to run", _ran(narrator.run("dvx repro")) == [])
    narrator.run("git commit --quiet --all --message 'Learn faster'")
    narrator.run("dvx push")


def clone(narrator: Narrator, setting: Setting, place: Path) -> None:
    """Somebody else gets all of it."""
    narrator.chapter("A fresh clone")
    original = narrator.cwd
    narrator.run(f"git clone --quiet {original} {place}")
    narrator.cwd = place
    narrator.check("it has the code and no data", not (place / "data" / "penguins.csv").exists())
    _tell_secrets(narrator, setting)
    narrator.run("dvx pull")
    same = all((place / name).read_bytes() == (original / name).read_bytes() for name in ("data/penguins.csv", "model.json"))
    narrator.check("data and model are here, byte for byte", same)
    narrator.run("dvx status")
    narrator.check("everything is up to date", narrator.ask_json("dvx status --json") == {})
    narrator.check("and nothing needs to run", _ran(narrator.run("dvx repro")) == [])


def _ran(output: str) -> list[str]:
    return re.findall(r"^Running stage '([^']+)'", output, re.MULTILINE)


def _metrics(narrator: Narrator) -> dict[str, float]:
    found: dict[str, float] = narrator.ask_json("dvx metrics show --json")[""]["data"]["metrics.json"]["data"]
    return found


def _staged(narrator: Narrator) -> str:
    return narrator.ask("git diff --cached --name-only")


def _tell_secrets(narrator: Narrator, setting: Setting) -> None:
    for name, value in setting.secrets.items():
        narrator.run(f"dvx remote modify --local storage {name} {value}")


def _edit(narrator: Narrator, old: str, new: str) -> None:
    path = narrator.cwd / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(f"{old}\n", f"{new}\n"), encoding="utf-8")


def main() -> int:
    """The command line of `make demo`."""
    parser = argparse.ArgumentParser(prog="python -m demo.story", description=__doc__)
    parser.add_argument("--dvc", action="store_true", help="tell it in a DVC repository")
    parser.add_argument("--keep", action="store_true", help="keep the folder in which it took place")
    parser.add_argument("--project", type=Path, default=EXAMPLE, help="tell it about another copy of the example project")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dvx-demo-")).resolve()
    began = time.monotonic()
    try:
        tell(folder, Setting(str(folder / "remote"), arguments.dvc, arguments.project))
    except Broken as broken:
        print(f"\nThe story broke: {broken}", file=sys.stderr)
        return 1
    finally:
        if arguments.keep:
            print(f"\nIt took place in {folder}")
        else:
            shutil.rmtree(folder)
    print(f"\nAll of it was true; it took {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
