"""The INI text of configuration files: read, edited and written as DVC does, but with its comments.

The layout that is written: four blanks before a key, plain sections before named ones (`['remote "storage"']`), no empty
plain section, no blank lines but those that stand with a comment.

It is read by hand since configobj, which DVC uses, does not say in which line a value stands, so that errors could not either,
and takes 15 ms to load, in every command.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from dvx.errors import ConfigError
from dvx.model.setup.quoting import QUOTES, Value, closing, closing_three, quoted, read_value, unquoted, written

NAMED = ("remote", "machine", "db")
_LONGEST = 10_000


class IniItem(Struct, frozen=True):
    """One `key = value`; a value with bare commas is a tuple. `above` and `aside` are its comments; a new one has no `line`."""

    key: str
    value: Value
    line: int = 0
    above: tuple[str, ...] = ()
    aside: str = ""


class Section(Struct, frozen=True):
    """One section; `title` is lower case and without outer quotes: `core`, `remote "storage"`."""

    title: str
    items: tuple[IniItem, ...] = ()
    line: int = 0
    above: tuple[str, ...] = ()
    aside: str = ""

    def get(self, key: str) -> Value | None:
        """The value of `key`."""
        return next((item.value for item in self.items if item.key == key), None)


class Document(Struct, frozen=True):
    """A file; `below` are the comment lines after its last key."""

    sections: tuple[Section, ...] = ()
    below: tuple[str, ...] = ()

    def section(self, title: str) -> Section | None:
        """The section of that title."""
        return next((section for section in self.sections if section.title == title), None)

    def put(self, title: str, key: str, value: Value) -> Document:
        """With the option set, in its place or as the last of its section."""
        old = self.section(title) or Section(title)
        if any(item.key == key for item in old.items):
            items = tuple(replace(item, value=value, line=0) if item.key == key else item for item in old.items)
        else:
            items = (*old.items, IniItem(key, value))
        return self.put_section(replace(old, items=items))

    def put_section(self, new: Section) -> Document:
        """With the section, in the place of the one of its title or as the last."""
        if self.section(new.title) is None:
            return replace(self, sections=(*self.sections, new))
        return replace(self, sections=tuple(new if old.title == new.title else old for old in self.sections))

    def drop(self, title: str, key: str) -> Document:
        """Without the option; comments above it go to what follows."""
        old = self.section(title)
        if old is None or all(item.key != key for item in old.items):
            return self
        kept: list[IniItem] = []
        carried: tuple[str, ...] = ()
        for item in old.items:
            if item.key == key:
                carried = item.above
            else:
                kept.append(replace(item, above=carried + item.above))
                carried = ()
        new = self.put_section(replace(old, items=tuple(kept)))
        return _hand_on(new, carried, _position(self, title) + 1)

    def drop_section(self, title: str) -> Document:
        """Without the section and the comments in it; those above it go to what follows."""
        old = self.section(title)
        if old is None:
            return self
        position = _position(self, title)
        rest = replace(self, sections=self.sections[:position] + self.sections[position + 1 :])
        return _hand_on(rest, old.above, position)

    def rename(self, title: str, new: str) -> Document:
        """With the section under another title, as the last."""
        old = self.section(title)
        if old is None:
            return self
        rest = replace(self, sections=tuple(section for section in self.sections if section.title != title))
        return rest.put_section(replace(old, title=new))


def title_of(section: str, name: str) -> str:
    """The title of a section: `core`, or `remote "storage"` where it has a name."""
    return f'{section} "{name}"' if name else section


def split_title(title: str) -> tuple[str, str]:
    """A title's section and name; the name of a plain section is empty."""
    section, quote, rest = title.partition('"')
    if quote and rest.rstrip().endswith('"') and section.strip() in NAMED:
        return section.strip(), rest.rstrip()[:-1]
    return title, ""


def _position(document: Document, title: str) -> int:
    return [section.title for section in document.sections].index(title)


def _hand_on(document: Document, comments: tuple[str, ...], position: int) -> Document:
    """Give comments to the section at `position`, or to the end of the file."""
    if position >= len(document.sections):
        return replace(document, below=comments + document.below)
    heir = document.sections[position]
    return document.put_section(replace(heir, above=comments + heir.above))


def parse(text: str, file: str) -> Document:
    """Read a file's text.

    Raises:
        ConfigError: a line is neither section nor option, or one stands twice; the message begins with `file:line`.
    """
    return _Parser(file, text).document()


class _Parser:
    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = text.removeprefix("\ufeff").split("\n")
        self._sections: list[Section] = []
        self._items: list[IniItem] = []
        self._pending: list[str] = []
        self._seen: set[tuple[str, str]] = set()

    def document(self) -> Document:
        numbered = iter(enumerate(self._lines, 1))
        for number, raw in numbered:
            line = raw.strip()
            if len(line) > _LONGEST:
                raise self._error(number, f"the line is longer than {_LONGEST:,} characters", "shorten or remove it")
            if not line or line[0] == "#":
                self._pending.append(raw.rstrip())
            elif line[0] == "[":
                self._header(line, number)
            else:
                self._item(line, number, numbered)
        below = self._comments()
        self._close()
        return Document(tuple(self._sections), below)

    def _header(self, line: str, number: int) -> None:
        body = line[1:].lstrip()
        if body[:1] == "[":
            raise self._error(number, "sections in sections are not read", "write `['remote \"NAME\"']` for the remote NAME")
        quote = body[0] if body[:1] and body[0] in QUOTES else ""
        end = closing(body, quote, "]") if quote else body.find("]")
        title = body[1:end] if quote else body[:end].rstrip()
        aside = body[body.find("]", end) + 1 :].strip() if end > 0 else "?"
        if not title or (aside and aside[0] != "#"):
            raise self._error(number, "the section has no end or no name", "write `[section]`")
        title = title_of(*split_title(title.lower()))
        self._close()
        self._once((title, ""), f"section `{title}` stands twice", number)
        self._sections.append(Section(title, line=number, above=self._comments(), aside=aside))

    def _item(self, line: str, number: int, numbered: Iterator[tuple[int, str]]) -> None:
        key, equals, rest = line.partition("=")
        key = unquoted(key.strip()).lower()
        if not equals or not key:
            raise self._error(number, "the line is neither `[section]` nor `key = value`", "a comment begins with `#`")
        if not self._sections:
            raise self._error(number, f"`{key}` stands outside of a section", f"write a section such as `[core]` above `{key}`")
        title = self._sections[-1].title
        self._once((title, key), f"`{key}` stands twice in section `{title}`", number)
        above = self._comments()
        rest = rest.strip()
        if rest[:3] in ("'''", '"""'):
            value, aside = self._long(rest, number, numbered)
        else:
            value, aside = self._short(key, rest, number)
        self._items.append(IniItem(key, value, number, above, aside))

    def _short(self, key: str, rest: str, number: int) -> tuple[Value, str]:
        try:
            return read_value(rest)
        except ValueError as error:
            raise self._error(number, f"the value of `{key}` {error}", "put the whole value in double quotes") from None

    def _long(self, rest: str, number: int, numbered: Iterator[tuple[int, str]]) -> tuple[Value, str]:
        quote, line = rest[:3], rest[3:]
        lines: list[str] = []
        while (end := closing_three(line, quote)) < 0:
            lines.append(line)
            following = next(numbered, None)
            if following is None:
                raise self._error(number, "a text that begins with three quotes has no end", "close it with three quotes")
            line = following[1].rstrip("\r")
        return "\n".join([*lines, line[:end]]), line[end + 3 :].strip()

    def _once(self, what: tuple[str, str], message: str, number: int) -> None:
        if what in self._seen:
            raise self._error(number, message, "keep one of the two")
        self._seen.add(what)

    def _close(self) -> None:
        if self._sections:
            self._sections[-1] = replace(self._sections[-1], items=tuple(self._items))
        self._items = []

    def _comments(self) -> tuple[str, ...]:
        lines, self._pending = tuple(self._pending), []
        return lines if any(lines) else ()

    def _error(self, number: int, message: str, hint: str) -> ConfigError:
        return ConfigError(message, hint, f"{self._file}:{number}")


def render(document: Document) -> str:
    """The text of a file.

    Raises:
        ConfigError: a value mixes quotes in a way that the format cannot express.
    """
    lines: list[str] = []
    carried: tuple[str, ...] = ()
    for section in sorted(document.sections, key=_rank):
        above, carried = carried + section.above, ()
        if not section.items and not split_title(section.title)[1]:
            carried = above + ((section.aside,) if section.aside else ())
            continue
        lines += [*above, _with(f"[{quoted(section.title)}]", section.aside)]
        for item in section.items:
            lines += [*item.above, _with(f"    {quoted(item.key)} = {written(item.value)}", item.aside)]
    lines += carried + document.below
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n"


def _rank(section: Section) -> int:
    kind, name = split_title(section.title)
    return NAMED.index(kind) + 1 if name else 0


def _with(line: str, aside: str) -> str:
    return f"{line} {aside}" if aside else line
