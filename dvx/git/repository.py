"""Git: one repository, asked through its work tree. Paths are relative to the dvx project, which may lie deeper than the top.

What a user typed never reaches `git` as an option: it is turned into an object id behind `--end-of-options` first.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from dvx.errors import GitError, UnknownTarget, nearest
from dvx.git import process, seeing, values
from dvx.git.commits.trees import Trees, objects, present
from dvx.git.places import GitPlace, find_place
from dvx.git.values import CommitInfo, Extra, TreeComparison
from dvx.model.experiments.refs import EXPERIMENTS, ExpRef
from dvx.model.paths import printable


class Git(Struct, frozen=True):
    """One repository. `top` is its work tree and `folder` its Git folder, absolute; `prefix` leads from the top to the project
    (empty, or ending in a slash)."""

    place: GitPlace
    prefix: str

    @staticmethod
    def find(project_root: str) -> Git | None:
        """The repository that a project lies in; None without one."""
        place = find_place(project_root)
        if place is None:
            return None
        below = os.path.relpath(os.path.realpath(project_root), place.top)
        return Git(place, "" if below == "." else below.replace(os.sep, "/") + "/")

    @property
    def top(self) -> str:
        """The work tree."""
        return self.place.top

    @property
    def folder(self) -> str:
        """The Git folder of this work tree."""
        return self.place.folder

    @property
    def index(self) -> str:
        """The index file of this work tree."""
        return os.path.join(self.place.folder, "index")

    def head(self) -> str | None:
        """The commit that is checked out; None before the first."""
        answer = process.run(self.place, ("rev-parse", "--verify", "--quiet", "HEAD^{commit}"))
        if answer.code not in (0, 1):
            raise process.failure(("rev-parse",), answer)
        return values.text(answer.out).strip() or None

    def branch(self) -> str | None:
        """The branch that is checked out; None when HEAD is detached."""
        return values.text(process.run(self.place, ("symbolic-ref", "--quiet", "--short", "HEAD")).out).removesuffix("\n") or None

    def resolve(self, revision: str) -> str:
        """The id of the commit that a revision or experiment name stands for.

        Raises:
            UnknownTarget: there is none, or several experiments have the name.
        """
        found = self._commit_of(revision)
        if found is not None:
            return found
        experiments = self.experiments()
        same = {commit for ref, commit in experiments.items() if ref.name == revision}
        if len(same) == 1:
            return same.pop()
        if same:
            here = [commit for ref, commit in experiments.items() if ref.name == revision and ref.baseline == self.head()]
            if here:
                return here[0]
            raise UnknownTarget(
                f"`{revision}` names {len(same)} experiments", "give the id of the commit: `dvx exp list -A` shows it"
            )
        known = [ref.split("/", 2)[-1] for ref in self.refs("refs/heads/", "refs/tags/", "refs/remotes/")]
        hint = nearest(revision, [*known, *(ref.name for ref in experiments)]) if known else "there is no commit yet"
        raise UnknownTarget(f"unknown Git revision `{printable(revision)}`", hint)

    def experiments(self) -> dict[ExpRef, str]:
        """The commit of every experiment, whatever its baseline."""
        found = {}
        for name, commit in self.refs(EXPERIMENTS).items():
            ref = ExpRef.parse(name)
            if ref is not None:
                found[ref] = commit
        return found

    def remote_experiments(self, remote: str) -> dict[ExpRef, str]:
        """The commit of every experiment in a Git remote, given by name or URL.

        Raises:
            GitError: it cannot be reached.
        """
        if not remote or remote.startswith("-"):
            raise GitError(f"`{remote}` is not a Git remote or URL")
        rows = values.lines(process.ask(self.place, ("ls-remote", "--", remote, EXPERIMENTS + "*")))
        pairs = ((ExpRef.parse(name), commit) for commit, name in (row.split("\t") for row in rows))
        return {ref: commit for ref, commit in pairs if ref is not None}

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Refs below the prefixes: full name -> id of the object."""
        out = process.ask(self.place, ("for-each-ref", "--format=%(objectname) %(refname)", *prefixes))
        rows = (line.split(" ", 1) for line in values.lines(out))
        return {name: ident for ident, name in rows}

    def tips(self, *prefixes: str) -> list[str]:
        """The commits that branches (`refs/heads/`) or tags (`refs/tags/`) stand for."""
        words = ("for-each-ref", "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname)", *prefixes)
        rows = (line.split() for line in values.lines(process.ask(self.place, words)))
        return list(dict.fromkeys(row[-1] for row in rows if row[-2] == "commit"))

    def commits(self, revisions: Iterable[str], number: int) -> list[str]:
        """For each revision it and its first parents, `number` in all; a negative number is no limit."""
        found: dict[str, None] = {}
        for revision in revisions:
            out = process.ask(self.place, ("rev-list", "--first-parent", f"--max-count={number}", self.resolve(revision)))
            found |= dict.fromkeys(values.text(out).split())
        return list(found)

    def all_commits(self) -> list[str]:
        """Every commit of branches, tags, remote branches and HEAD, the newest first, parents after their children."""
        return values.text(
            process.ask(self.place, ("rev-list", "--date-order", "--branches", "--tags", "--remotes", "HEAD"))
        ).split()

    def info(self, commits: Iterable[str]) -> dict[str, CommitInfo]:
        """What the commits say of themselves; those that are missing are left out."""
        return {ident: values.parse_commit(ident, data) for ident, data in present(self.place, commits).items()}

    def names(self, commits: Iterable[str]) -> dict[str, str]:
        """The branch or tag that stands for a commit, for those that have one; the branch that is checked out wins, then tags."""
        wanted = set(commits)
        current = self.branch()
        words = ("for-each-ref", "--format=%(objectname) %(*objectname) %(refname)", "refs/tags/", "refs/heads/")
        found: dict[str, str] = {}
        for line in sorted(values.lines(process.ask(self.place, words)), key=lambda line: "refs/heads/" in line):
            *ids, name = filter(None, line.split(" "))
            short = name.split("/", 2)[2]
            if ids[-1] in wanted and (ids[-1] not in found or name == f"refs/heads/{current}"):
                found[ids[-1]] = short
        return found

    def seen(self, paths: Iterable[str]) -> dict[str, str]:
        """For each path the one that Git has for it, links followed; without those that are not in this repository."""
        asked = {self.full(path): path for path in paths}
        return {asked[name]: self._relative(real) for name, real in seeing.seen(self.top, asked).items()}

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths that Git tracks, or below which it tracks a file."""
        wanted = {self.full(path): path for path in paths}
        return {wanted[name] for name in seeing.tracked(self.place, wanted)}

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths that Git ignores."""
        wanted = {self.full(path): path for path in paths}
        return {wanted[name] for name in seeing.ignored(self.place, wanted)}

    def listing(self, commit: str) -> dict[str, str]:
        """The project's regular files in a commit: path -> id of the blob."""
        return self.trees([commit], lambda _: True).files(commit)

    def trees(self, commits: Sequence[str], wanted: Callable[[str], bool]) -> Trees:
        """The project's regular files in some commits; `wanted` chooses those that can be listed by their bare name."""
        return Trees(self.place, self.prefix.rstrip("/"), commits, wanted)

    def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The content of objects; raises GitError where one is missing."""
        return objects(self.place, list(dict.fromkeys(ids)))

    def blob_ids(self, commits: Sequence[str], paths: Sequence[str]) -> dict[str, set[str]]:
        """The blobs that each path has in any of the commits."""
        asked = [(commit, path) for path in paths if "\n" not in path for commit in commits]
        given = "".join(f"{commit}:{self.full(path)}\n" for commit, path in asked)
        out = process.ask(self.place, ("cat-file", "--batch-check=%(objectname)"), os.fsencode(given))
        found: dict[str, set[str]] = {path: set() for path in paths}
        for (_, path), line in zip(asked, values.lines(out), strict=True):
            if " " not in line:
                found[path].add(line)
        return found

    def hashed(self, paths: Sequence[str]) -> dict[str, str]:
        """The blob that Git would make of each file in the work tree."""
        given = "".join(values.quoted(self.full(path)) + "\n" for path in paths)
        out = process.ask(self.place, ("hash-object", "--stdin-paths"), os.fsencode(given))
        return dict(zip(paths, values.text(out).split(), strict=True))

    def tree(self, commit: str) -> str:
        """The id of a commit's tree."""
        return values.text(process.ask(self.place, ("rev-parse", "--verify", "--end-of-options", commit + "^{tree}"))).strip()

    def stage(self, paths: Sequence[str], gone: Iterable[str] = ()) -> None:
        """Put paths, and what is below them, into the index; ignored and absent ones are left out. `gone` files leave it."""
        self._add(paths, "")
        self._record((self.full(path) for path in gone), "")

    def knows_user(self) -> bool:
        """Whether Git could make a commit in the user's name."""
        roles = ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")
        return all(process.run(self.place, ("var", role)).code == 0 for role in roles)

    def others(self, path: str) -> list[str]:
        """The files at a path, or below it, that Git does not track, ignored ones, too."""
        return [
            self._relative(name)
            for real in self.seen([path]).values()
            for name in values.fields(process.ask(self.place, ("ls-files", "-z", "--others", "--", self.full(real))))
        ]

    def snapshot(self, index: str, baseline: str, extra: Extra, message: str, *, as_nobody: bool = False) -> str:
        """Commit the work tree on top of `baseline` and return the commit's id; nothing names it yet.

        The tree is all that Git tracks, as it is now, and what is `extra`. `index` is a copy of the repository's index, or a
        file that does not exist; HEAD, index and stash stay as they are. With `as_nobody` the author has a name that is nobody's.
        """
        if not os.path.exists(index):
            process.ask(self.place, ("read-tree", baseline), index=index)
        self._record(self._listed(index), index)
        self._add(extra.paths, index)
        self._record(map(self.full, extra.ignored), index)
        tree = values.text(process.ask(self.place, ("write-tree",), index=index, durable=True)).strip()
        words = (*(process.NOBODY if as_nobody else ()), "commit-tree", tree, "-p", baseline, "-F", "-")
        return values.text(process.ask(self.place, words, message.encode("utf-8", "replace"), durable=True)).strip()

    def compare(self, index: str, commit: str) -> TreeComparison:
        """Compare the work tree with a commit, using (and filling) the index file `index`, a copy of the repository's or none."""
        process.ask(self.place, ("read-tree", "--reset", commit), index=index)
        process.run(self.place, ("update-index", "-q", "--refresh"), index=index)
        rows = values.fields(
            process.ask(self.place, ("diff-files", "-z", "--raw", "--no-renames", "--ignore-submodules=all"), index=index)
        )
        changed: list[str] = []
        absent: list[str] = []
        for facts, path in zip(rows[::2], rows[1::2], strict=True):
            (absent if facts.endswith("D") else changed).append(self._relative(path))
        return TreeComparison(tuple(changed), tuple(absent))

    def gone(self, old: str, new: str) -> list[str]:
        """Files that commit `old` has and `new` has not."""
        words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=D", old, new)
        return [self._relative(path) for path in values.fields(process.ask(self.place, words))]

    def write_files(self, index: str, paths: Iterable[str]) -> None:
        """Give files of the work tree the content that they have in the index file `index`."""
        process.ask(self.place, ("checkout-index", "--force", "-z", "--stdin"), _joined(map(self.full, paths)), index=index)

    def config(self, name: str) -> str | None:
        """One value of Git's configuration."""
        answer = process.run(self.place, ("config", "--get", name))
        return values.text(answer.out).rstrip("\n") if answer.code == 0 else None

    def _commit_of(self, revision: str) -> str | None:
        if not revision or revision.startswith("-") or any(c in revision for c in "\0\n\r"):
            return None
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        found = values.text(process.run(self.place, words).out).split()
        # a range answers with several, an exclusion with a caret
        return found[0] if len(found) == 1 and not found[0].startswith("^") else None

    def _add(self, paths: Sequence[str], index: str) -> None:
        there = [path for path in dict.fromkeys(paths) if os.path.lexists(os.path.join(self.top, self.full(path)))]
        hidden = self.ignored(there) if there else set()
        known = self.seen(path for path in there if path not in hidden)
        for portion in values.batches(self.full(path) for path in known.values()):
            self._record(self._listed(index, "--others", "--exclude-standard", "--", *portion), index)

    def _listed(self, index: str, *words: str) -> list[str]:
        return values.fields(process.ask(self.place, ("ls-files", "-z", "--modified", *words), index=index))

    def _record(self, paths: Iterable[str], index: str) -> None:
        """Give paths in an index what is in the work tree.

        `git add` looks for changes in repositories inside the work tree, too, and so runs what their configuration names.
        """
        given = _joined(dict.fromkeys(paths))
        if given:
            words = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
            process.ask(self.place, words, given, index=index, durable=bool(index))

    def full(self, path: str) -> str:
        """A path of the project, seen from the work tree."""
        return posixpath.normpath(self.prefix + path) if path or self.prefix else "."

    def _relative(self, path: str) -> str:
        return path[len(self.prefix) :] if path.startswith(self.prefix) else posixpath.relpath(path, self.prefix)


def _joined(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
