"""Experiments with the times at which they were made, asked of Git at once instead of commit by commit."""

from __future__ import annotations

from collections.abc import Iterator

from dvx.git import process, values
from dvx.git.repository import Git
from dvx.model.experiments.refs import EXPERIMENTS, Experiment, ExpRef


def dated_experiments(git: Git) -> list[Experiment]:
    """Every experiment, the newest first."""
    words = ("for-each-ref", "--format=%(objectname) %(committerdate:unix) %(refname)", EXPERIMENTS)
    answer = process.run(git.place, words)
    found = _read(values.lines(answer.out)) if answer.code == 0 else _one_by_one(git)
    return sorted(found, key=lambda one: (-one.created, one.ref.baseline, one.ref.name))


def _read(lines: list[str]) -> Iterator[Experiment]:
    for line in lines:
        commit, moment, name = line.split(" ", 2)
        ref = ExpRef.parse(name)
        if ref is not None and moment:
            yield Experiment(ref, commit, int(moment))


def _one_by_one(git: Git) -> list[Experiment]:
    """Where a ref names what is not there: the others."""
    refs = git.experiments()
    info = git.info(refs.values())
    return [Experiment(ref, commit, info[commit].time) for ref, commit in refs.items() if commit in info]
