"""exp.auto_push: an experiment goes to the Git remote `exp.git_remote` as soon as it is recorded."""

from __future__ import annotations

from dvx.errors import DvxError, quoted
from dvx.model.events import Notice, Tell
from dvx.model.experiments.refs import ExpRef
from dvx.model.paths import printable
from dvx.model.setup.settings import OptionName
from dvx.ops.experiments.share import ShareOptions, push
from dvx.ops.transfer.scope import SyncOptions
from dvx.project import Project

_AUTO_PUSH = OptionName("exp", "", "auto_push")


def auto_push(project: Project, ref: ExpRef, tell: Tell) -> None:
    """Push an experiment with its data and run-cache, if the configuration asks for it.

    The experiment is recorded already, so what stops a push is only told.
    """
    setting = project.config.settings.get(_AUTO_PUSH)
    if setting is None or setting.text.lower() != "true":
        return
    try:
        project.config.demand(setting)
        remote = project.config.get("exp.git_remote") or "origin"
        tell(Notice(f"pushing experiment `{ref.name}` to Git remote `{printable(remote)}`", "`exp.auto_push` is set"))
        push(project, remote, ShareOptions((str(ref),), sync=SyncOptions(run_cache=True)), tell)
    except (DvxError, OSError) as error:
        hint = error.hint if isinstance(error, DvxError) else ""
        words = f"run `dvx exp push GIT_REMOTE {quoted(ref.name)}` later"
        tell(Notice(f"experiment `{ref.name}` is recorded, but was not pushed: {error}", f"{hint}; {words}" if hint else words))
