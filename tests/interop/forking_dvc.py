"""Runs DVC commands, each in a fork of a process that has DVC loaded: loading it takes far longer than most commands.

It is a script for the Python of DVC's environment. Requests are lines of JSON on stdin: `args`, `cwd`, `env`, and the
files `out` and `err` that take what the command prints. Each is answered with a line that holds the exit code.
"""

import atexit
import gc
import importlib
import json
import os
import sys

_LOADED = """
    aiohttp_retry dulwich.ignore dulwich.worktree dvc.cachemgr dvc.cli.parser dvc.commands.repro dvc.config dvc.daemon
    dvc.data_cloud dvc.dirs dvc.lock dvc.output dvc.parsing dvc.repo dvc.repo.artifacts dvc.repo.brancher
    dvc.repo.checkout dvc.repo.datasets dvc.repo.diff dvc.repo.experiments dvc.repo.experiments.diff
    dvc.repo.experiments.executor.local dvc.repo.experiments.queue.celery dvc.repo.experiments.queue.workspace
    dvc.repo.experiments.run dvc.repo.experiments.show dvc.repo.fetch dvc.repo.graph dvc.repo.index dvc.repo.init
    dvc.repo.metrics dvc.repo.open_repo dvc.repo.params dvc.repo.plots dvc.repo.push dvc.repo.reproduce dvc.repo.stage
    dvc.repo.trie dvc.repo.worktree dvc.rwlock dvc.scm dvc.stage dvc.stage.cache dvc.utils.diff dvc.utils.hydra
    dvc.utils.strictyaml dvc_data.fs dvc_data.hashfile.checkout dvc_data.hashfile.db.index dvc_data.hashfile.db.local
    dvc_data.hashfile.status dvc_data.hashfile.transfer dvc_data.index.checkout dvc_data.index.fetch
    dvc_data.index.push dvc_render flufl.lock fsspec.implementations.memory networkx pydot rich.markup rich.table
    ruamel.yaml scmrepo.fs scmrepo.git tomlkit
"""


def serve() -> None:
    """Answer requests until stdin ends."""
    for name in _LOADED.split():
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(request: dict) -> None:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    for number, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        place = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(place, number)
        os.close(place)
    sys.argv = ["dvc", *request["args"]]
    from dvc.cli import main

    code = 1
    try:
        code = main(request["args"]) or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


if __name__ == "__main__":
    serve()
