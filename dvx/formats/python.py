"""Parameters in a Python file: found by parsing it, never by running it.

`X = literal`, `X: type = literal`, the same in class bodies, and `self.x = literal` in `__init__` are parameters.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any

from dvx.errors import FormatError
from dvx.formats.mistakes import mistake
from dvx.formats.scalars import writable
from dvx.model.compare.params import lookup, number_of, same
from dvx.model.experiments.override import Edit

Tree = dict[str, Any]
"""Names to expressions, or to the tree of a class."""


def load_python(text: str, name: str) -> dict[str, Any]:
    """The parameters by name; those of a class are a mapping. What is no literal is left out.

    Raises:
        FormatError: the text is no Python.
    """
    return _values(_parse(text, name))


def operate(text: str, edit: Edit, name: str) -> str:
    """`text` with the literal at a key replaced; everything around it stays.

    Raises:
        FormatError: something would be added or removed, or the value is no literal.
    """
    dotted = ".".join(map(str, edit.key))
    whole, node = None, _parse(text, name)
    for part in edit.key:
        whole, node = node, _child(node, part)
    if isinstance(whole, ast.List | ast.Tuple | ast.Set) and (node is None or edit.removed):
        # the list as a whole is what changes
        items, at = lookup(load_python(text, name), edit.key[:-1])[0], edit.key[-1]
        new = () if edit.removed else (edit.value,)
        edit, node = Edit(edit.key[:-1], [*items[:at], *new, *items[at + 1 :]]), whole
    if node is None or edit.removed:
        raise FormatError(f"`{dotted}` cannot be added to or removed from `{name}`", "edit the file by hand")
    if not isinstance(node, ast.expr):
        raise FormatError(f"`{dotted}` in `{name}` is no literal that can be replaced", "edit the file by hand")
    data = text.encode()
    lines = data.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: (node.end_lineno or 0) - 1])) + (node.end_col_offset or 0)
    edited = (data[:start] + _written(node, edit.value).encode() + data[end:]).decode()
    found = lookup(load_python(edited, name), edit.key)
    if not found or not same(found[0], edit.value):
        raise FormatError(f"`{name}` cannot hold that value of `{dotted}`", "edit the file by hand")
    return edited


def _written(node: ast.expr, value: Any) -> str:
    """A value in the place of an expression: a list stays a tuple or set where it was one."""
    if isinstance(node, ast.Tuple) and isinstance(value, list):
        return repr(tuple(value))
    if isinstance(node, ast.Set) and isinstance(value, list) and value:
        return "{" + repr(value)[1:-1] + "}"
    return repr(value)


def _parse(text: str, name: str) -> Tree:
    try:
        with warnings.catch_warnings():
            # an odd backslash in someone's file is not our user's business
            warnings.simplefilter("ignore")
            module = ast.parse(text)
    except SyntaxError as error:
        raise mistake(text, name, ((error.lineno or 1) - 1, max((error.offset or 1) - 1, 0)), error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"{name}: cannot be read as Python: {error or 'too deep'}") from None
    return dict(_assignments(module.body))


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, Any]]:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            own = dict(_assignments(statement.body))
            for method in statement.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    own |= dict(_targets(method.body, of_self=True))
            yield statement.name, own
        else:
            yield from _targets([statement], of_self=False)


def _targets(body: list[ast.stmt], *, of_self: bool) -> Iterator[tuple[str, ast.expr]]:
    for statement in body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target: ast.expr = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        else:
            continue
        value = statement.value
        if of_self and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            name = target.attr
        elif not of_self and isinstance(target, ast.Name):
            name = target.id
        else:
            continue
        if value is not None and _literal(value):
            yield name, value


def _values(tree: Tree) -> dict[str, Any]:
    return {name: _values(node) if isinstance(node, dict) else _literal(node)[0] for name, node in tree.items()}


def _literal(node: ast.expr) -> tuple[Any, ...]:
    """The value of an expression as a tuple of one; an empty tuple if it is no literal that a parameters file may hold."""
    try:
        value = ast.literal_eval(node)
        return (_plain(value),)
    except (ArithmeticError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set):
        return sorted(map(_plain, value), key=repr)
    if isinstance(value, int):
        return writable(value)
    if value is None or isinstance(value, str | float):
        return value
    raise ValueError


def _key(key: Any) -> Any:
    if isinstance(key, int):
        return writable(key)
    if key is None or isinstance(key, str | float):
        return key
    raise ValueError


def _child(node: Any, part: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and str(key.value) == str(part):
                return value
    number = number_of(part)
    if isinstance(node, ast.List | ast.Tuple) and number is not None and number < len(node.elts):
        return node.elts[number]
    return None
