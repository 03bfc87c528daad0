"""Leases: the cards and tokens of this machine that stages have while they run, whichever run, worker or project they belong to.

A lease is a file that says what it takes. Who has it holds a lock on it, and so does the command that it is for: the kernel frees
it when both have ended.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping

from msgspec import DecodeError, Struct, field, json

from dvx.config.places import machine_folder
from dvx.model.kept import WORKER
from dvx.model.pipelines.schedule import fits, scarce
from dvx.project import Project
from dvx.store import files
from dvx.store.files.locking import claimed, is_claimed

_VISIBLE, _OURS = "CUDA_VISIBLE_DEVICES", "DVX_LEASES"


class Lease(Struct, frozen=True):
    """What a command gets to have what it takes: variables, and descriptors that it inherits."""

    variables: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[int, ...] = ()


class _Taken(Struct, frozen=True):
    """What a lease takes: cards by their names, amounts of tokens."""

    cards: tuple[str, ...] = ()
    tokens: dict[str, float] = field(default_factory=dict)


class Leases:
    """Hands out `cards` by their names, and tokens, of which there is what `limits` says. Threads share it."""

    def __init__(self, project: Project, cards: tuple[str, ...], limits: Mapping[str, float]) -> None:
        self.limits = limits
        self._cards = cards
        self._folder = _folder(project)
        # what the command has that this dvx is a part of, its stages have too
        self._ours = tuple(project.config.environ.get(_OURS, "").split())

    @contextlib.contextmanager
    def taken(self, demand: Mapping[str, float], wait: Callable[[str], None]) -> Iterator[Lease]:
        """Have what a stage takes until the end of the block, all at once; `wait` is called with what there is not enough of
        again and again, and may raise.
        """
        wanted = scarce(demand)
        if not wanted:
            yield Lease()
            return
        with contextlib.ExitStack() as held:
            while isinstance(lease := self._take(wanted, held), str):
                wait(lease)
            yield lease

    def _take(self, wanted: Mapping[str, float], held: contextlib.ExitStack) -> Lease | str:
        with files.locked(os.path.join(self._folder, "lock")):
            others = list(self._others())
            used = {card for one in others for card in one.cards}
            free = {name: amount - sum(one.tokens.get(name, 0.0) for one in others) for name, amount in self.limits.items()}
            cards = [card for card in self._cards if card not in used]
            short = next((name for name, amount in wanted.items() if not fits(amount, {**free, "gpu": len(cards)}[name])), "")
            if short:
                return short
            mine = _Taken(tuple(cards[: int(wanted.get("gpu", 0))]), {name: wanted[name] for name in wanted if name != "gpu"})
            name = f"{os.getpid()}-{secrets.token_hex(4)}"
            place = os.path.join(self._folder, name)
            files.write_new(place, json.encode(mine), files.NEW_FILE)
            handle = held.enter_context(claimed(place, lambda: None))
            held.callback(files.remove, place)
        variables = {_OURS: " ".join((*self._ours, name))}
        return Lease({**variables, _VISIBLE: ",".join(mine.cards)} if mine.cards else variables, (handle,))

    def _others(self) -> Iterator[_Taken]:
        """What is taken; the leases of the dead are removed."""
        for name in files.names_in(self._folder, WORKER):
            place = os.path.join(self._folder, name)
            if not is_claimed(place):
                files.remove(place)
            elif name not in self._ours:
                with contextlib.suppress(FileNotFoundError, DecodeError):
                    yield json.decode(files.read(place), type=_Taken)


def _folder(project: Project) -> str:
    """Where the leases of this machine are; those of the project alone where the user has no place for them."""
    place = machine_folder(project.config.environ)
    with contextlib.suppress(OSError):
        files.make_folder(place)
    return place if os.access(place, os.W_OK) else os.path.join(project.state, "leases")
