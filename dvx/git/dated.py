"""Experiments with the times at which they were made, asked of Git at once instead of commit by commit."""

from __future__ import annotations

from dvx.git import process, values
from dvx.git.repository import Git
from dvx.model.experiment import EXPERIMENTS, Experiment, ExpRef


def dated_experiments(git: Git) -> list[Experiment]:
    """Every experiment, the newest first."""
    words = ("for-each-ref", "--format=%(objectname) %(committerdate:unix) %(refname)", EXPERIMENTS)
    answer = process.run(git.place, words)
    found = []
    if answer.code:
        # one of them names what is not there; the others are read one by one
        refs = git.experiments()
        info = git.info(refs.values())
        found = [Experiment(ref, commit, info[commit].time) for ref, commit in refs.items() if commit in info]
    for line in values.text(answer.out).splitlines() if not answer.code else ():
        commit, moment, name = line.split(" ", 2)
        ref = ExpRef.parse(name)
        if ref is not None and moment:
            found.append(Experiment(ref, commit, int(moment)))
    return sorted(found, key=lambda one: (-one.created, one.ref.baseline, one.ref.name))
