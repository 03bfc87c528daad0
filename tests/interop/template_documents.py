"""Pipeline files with templates, made by chance from a seed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from tests.template_facts import Fact

_WORDS = ["a", "b", "lr", "model", "x y", "n-1", "é", "_u", "0"]
_SCALARS = [
    0,
    1,
    -3,
    2.5,
    1e-05,
    1.0,
    1e16,
    True,
    False,
    None,
    "text",
    "two words",
    "",
    "it's",
    "$HOME",
    "1",
    "true",
    "\\${a}",
    "ünï",
    "x/y",
]
_PIECES = ["run", " ", "--x=", "d/", "$", "\\", "-"]
_BROKEN = ["${nope}", "${a.nope}", "${}", "${a + 1}", "${a", "\\${a}", "${a[}", "${.a}", "${a[99]}"]

Path = tuple[str | int, ...]
Known = list[tuple[Path, Any]]


def random_fact(seed: int) -> Fact:
    """A document and the files beside it, without an outcome."""
    return _Maker(Random(seed)).fact(seed)


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: Known = []
        self._files: dict[str, Any] = {"params.yaml": {}}

    def fact(self, seed: int) -> Fact:
        pool = [self._mapping()]
        self._files["params.yaml"] = pool[0]
        if self._chance(0.5):
            self._files["o.yaml"] = {"ov": [1, {"k": "w"}]}
        document: dict[str, Any] = {}
        if self._chance(0.5):
            document["vars"] = [self._variables(number, pool) for number in range(self._random.randint(1, 3))]
        base = [pair for values in pool for pair in _paths(values)]
        document["stages"] = {f"s{number}": self._stage_or_group(base) for number in range(self._random.randint(1, 3))}
        self._known = base
        document |= self._top_level()
        style = {} if self._chance(0.7) else {"bool": "boolean_optional", "list": "append"}
        return Fact(f"seed {seed}: {json.dumps(document)}", document, self._files, style)

    def _variables(self, number: int, pool: list[dict[str, Any]]) -> Any:
        if self._chance(0.5):
            values = {f"v{number}": self._value()}
            values |= {"shared": {f"k{number}": self._value()}} if self._chance(0.4) else {}
            values |= self._mapping() if self._chance(0.05) else {}
            pool.append(values)
            return values
        name = f"o{number}.yaml"
        self._files[name] = {f"o{number}": self._value(), f"p{number}": self._value()}
        if self._chance(0.4):
            pool.append({f"o{number}": self._files[name][f"o{number}"]})
            return f"{name}:o{number}"
        pool.append(self._files[name])
        return self._one(name, "./" + name)

    def _stage_or_group(self, base: Known) -> dict[str, Any]:
        composites = [self._spelled(path) for path, value in base if isinstance(value, dict | list)]
        self._known = base
        kind = self._random.random()
        if kind < 0.4:
            return self._stage()
        if kind < 0.7:
            items = self._items(composites)
            own: Known = [(("item",), 1)] * 4 + ([(("key",), 1)] * 2 if isinstance(items, dict) else [])
            self._known = [*base, *own, (("item", self._random.choice(_WORDS)), 1)]
            return {"foreach": items, "do": self._stage()}
        axes = self._random.sample(["m", "n", "b"], self._random.randint(1, 3))
        matrix = {axis: self._axis(composites) for axis in axes}
        self._known = base + [(("item", axis), 1) for axis in axes] * 3 + [(("key",), 1)] * 2
        return {"matrix": matrix, **self._stage()}

    def _items(self, composites: Sequence[str]) -> Any:
        if composites and self._chance(0.5):
            return self._random.choice(composites)
        if self._chance(0.5):
            return [self._item() for _ in range(self._random.randint(0, 3))]
        return {word: self._item() for word in self._random.sample(_WORDS, self._random.randint(0, 3))}

    def _axis(self, composites: Sequence[str]) -> Any:
        if composites and self._chance(0.4):
            return self._random.choice(composites)
        return [self._item() for _ in range(self._random.randint(1, 2))]

    def _item(self) -> Any:
        return self._reference(scalar=False) if self._chance(0.35) else self._value(self._one(2, 3))

    def _stage(self) -> dict[str, Any]:
        text = self._text
        fields = {
            "wdir": lambda: self._one("sub", "sub/..", ".", text()),
            "deps": lambda: [text(), text()],
            "outs": lambda: [text(), {text(): {"cache": False, "desc": text()}}],
            "params": lambda: [text(), {text(): [text()]}, {"f.yaml": None}],
            "metrics": lambda: [{text(): {"cache": False}}],
            "plots": lambda: [{text(): {"x": text(), "y": "y"}}],
            "meta": lambda: {text(): [text(), 1, None, {"k": self._reference()}]},
            "desc": text,
            "frozen": lambda: True,
            "vars": lambda: [self._one(*list(self._files)[1:], {"sv": 1, "sm": {"q": "z"}}, {self._one("a", "item", "key"): 1})],
        }
        command = [text(command=True), text(command=True)] if self._chance(0.2) else text(command=True)
        return {"cmd": command} | {name: make() for name, make in fields.items() if self._chance(0.2)}

    def _top_level(self) -> dict[str, Any]:
        text = self._text
        fields = {
            "params": lambda: [text(), self._reference(scalar=False)],
            "metrics": lambda: [text()],
            "plots": lambda: [text(), {text(): {"x": text(), "y": {text(): text()}}}],
            "artifacts": lambda: {"m": {"path": text(), "labels": [text()], "meta": {"k": self._reference(scalar=False)}}},
        }
        return {name: make() for name, make in fields.items() if self._chance(0.15)}

    def _text(self, *, command: bool = False) -> str:
        pieces = []
        for _ in range(self._random.randint(1, 3)):
            free = command and self._chance(0.1)
            pieces.append(self._random.choice(_PIECES) if self._chance(0.5) else self._reference(scalar=not free))
        return ("" if self._chance(0.3) else self._one("p ", "q")) + "".join(pieces)

    def _reference(self, *, scalar: bool = True) -> str:
        paths = [path for path, value in self._known if not (scalar and isinstance(value, dict | list))]
        if not paths or self._chance(0.01):
            return self._random.choice(_BROKEN)
        return self._spelled(self._random.choice(paths))

    def _spelled(self, path: Path) -> str:
        text = str(path[0]) + "".join(f"[{word}]" if self._chance(0.4) else f".{word}" for word in path[1:])
        return f"${{ {text} }}" if self._chance(0.1) else f"${{{text}}}"

    def _mapping(self) -> dict[str, Any]:
        return {word: self._value() for word in self._random.sample(_WORDS, self._random.randint(1, 5))}

    def _value(self, depth: int = 0) -> Any:
        if depth >= 3 or self._chance(0.65):
            return self._random.choice(_SCALARS)
        values = [self._value(depth + 1) for _ in range(self._random.randint(0, 3))]
        return values if self._chance(0.5) else dict(zip(self._random.sample(_WORDS, len(values)), values, strict=True))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _one(self, *choices: Any) -> Any:
        return self._random.choice(choices)


def _paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key), item
        yield from _paths(item, (*path, key))
