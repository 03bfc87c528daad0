"""Databases: what an import asks of one, as a pointer's dependency records it, and the connection to ask by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from dvx.errors import SchemaError, UsageError, quoted
from dvx.model.tracked.pointer import Recorded

FORMATS = ("csv", "json")
"""How a result may be written."""
_KEYS = ("connection", "file_format", "query", "table")


class Query(Struct, frozen=True):
    """All of `table`, or what the SQL text `sql` gives; one of the two is empty. `connection` is a name in the configuration."""

    connection: str
    sql: str = ""
    table: str = ""
    file_format: str = "csv"

    def __post_init__(self) -> None:
        if bool(self.sql) == bool(self.table):
            raise UsageError("a table or an SQL query is needed, and not both", "write `--table TABLE` or `--sql QUERY`")
        if self.file_format not in FORMATS:
            raise UsageError(f"a result is written as {' or '.join(FORMATS)}, not `{self.file_format}`", "choose one of them")

    @property
    def text(self) -> str:
        """The table or the SQL text."""
        return self.sql or self.table


class Connection(Struct, frozen=True):
    """How a database is reached. `username` and `password` win over those in the URL, where they are not empty.

    `name` is what the configuration calls it; empty for a URL that was typed.
    """

    name: str
    url: str
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Connection({self.name!r})"

    @property
    def called(self) -> str:
        """How messages call the database."""
        return f"the database `{self.name}`" if self.name else "the database"

    @property
    def cure(self) -> str:
        """What a user looks at when it does not work."""
        return f"check `dvx config {quoted(f'db.{self.name}.url')}`, user and password" if self.name else "check the URL"


def query_of(dep: Recorded) -> Query | None:
    """The query that a dependency records; None if it is in no database.

    Raises:
        SchemaError: it is none, or a value is of the wrong kind.
    """
    known = dep.extras.get("db")
    if known is None:
        return None
    where = ("deps", 0, "db")
    if not isinstance(known, Mapping) or not all(isinstance(value, str) for value in known.values()):
        raise SchemaError("`db` is a mapping of texts", where)
    found = {key: known.get(key, "") for key in _KEYS}
    try:
        return Query(found["connection"], found["query"], found["table"], found["file_format"] or "csv")
    except UsageError:
        hint = f"they are `connection`, `query` or `table`, and `file_format`, which is {' or '.join(FORMATS)}"
        raise SchemaError("the texts of `db` do not go together", where, hint) from None


def encode_query(query: Query) -> dict[str, Any]:
    """The dependency's entry, in the order in which one is written."""
    values = (query.connection, query.file_format, query.sql, query.table)
    return {"db": {key: value for key, value in zip(_KEYS, values, strict=True) if value}}
