"""A database that is asked for what is imported from it; the only importer of SQLAlchemy and pandas.

What a value looks like in a file depends on pandas: a column of whole numbers of which one is missing is written as decimal
numbers, for example. DVC asks by the same two libraries in the same portions, and so the bytes are the same.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from dvx.errors import ConfigError, RemoteError
from dvx.model.events import Notice, Progress, Tell
from dvx.model.imports.database import Connection, Query
from dvx.model.paths import printable
from dvx.model.setup.settings import HIDDEN, is_secret_word, redact
from dvx.store import files

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy import Connection as Session

ROWS_AT_ONCE = 10_000
"""How many rows of a CSV file are held at once; pandas decides for each portion what kind of values a column has."""
_IN_FILES = frozenset({"sqlite", "duckdb"})
_PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
# what drivers raise beside errors of their own: a value, package or setting is wrong
_TROUBLE = (ValueError, TypeError, ArithmeticError, RuntimeError, ImportError)
_LONGEST = 300


class Database:
    """The database that `connection` leads to; to be used in a `with` block. Paths of SQLite files are seen from `folder`.

    `tell` gets what SQLAlchemy warns of and, with `echo`, each statement before it is sent.

    Raises:
        ConfigError: a package is not installed, the URL cannot be read, or it names a file that does not exist.
    """

    def __init__(self, connection: Connection, folder: str, tell: Tell, *, echo: bool = False) -> None:
        self._connection = connection
        self._tell = tell
        self._url = _placed(_parsed(connection), connection, folder)
        self._engine = self._make_engine()
        self._listen(echo=echo)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @property
    def shown(self) -> str:
        """Its URL without secrets."""
        return redact(self._url.render_as_string(hide_password=True))

    def check(self) -> None:
        """Ask for nothing but an answer; raises RemoteError if there is none."""
        from sqlalchemy import literal, select, text

        # SQLite looks into a file only if it has to
        question = text("pragma schema_version") if self._is_sqlite else select(literal(1))
        with self._session() as session, self._refusals("does not answer", self._connection.cure):
            session.execute(question)

    def export(self, query: Query, path: str) -> None:
        """Write what a query gives to a new file.

        Raises:
            RemoteError: the database cannot be reached or refuses, or the result cannot be written in that format.
        """
        pandas = _pandas()
        hint = "it is no table or view; reach those of other schemas by `--sql`" if query.table else "check the query"
        hint += "; some drivers want `%` as `%%`" if "%" in query.sql else ""
        with (
            self._session() as session,
            # an error of this class is an OSError, too; others are about the file
            self._refusals(f"has no answer to `{shortened(query.text)}`", hint, pandas.errors.DatabaseError),
            files.create_new(path) as raw,
            io.BufferedWriter(raw) as file,
            self._warnings(),
        ):
            if query.file_format == "json":
                pandas.read_sql(query.text, session).to_json(file, orient="records")
                return
            rows = 0
            # the server keeps the rows that were not asked for yet
            streaming = session.execution_options(stream_results=True)
            for number, frame in enumerate(pandas.read_sql(query.text, streaming, chunksize=ROWS_AT_ONCE)):
                frame.to_csv(file, header=number == 0, index=False)
                rows += len(frame)
                self._tell(Progress("saving", rows, None, "rows"))

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def _make_engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

        driver = printable(self._url.drivername)
        try:
            with self._warnings():
                return create_engine(self._url)
        except NoSuchModuleError:
            hint = "check the word before `://`, or install the package that brings it to SQLAlchemy"
            raise ConfigError(f"SQLAlchemy knows no database `{driver}`", hint) from None
        except ModuleNotFoundError as error:
            package = _PACKAGES.get(error.name or "", error.name or "")
            raise ConfigError(f"the driver for `{driver}` is not installed", f"run `pip install '{package}'`") from None
        except (SQLAlchemyError, *_TROUBLE) as error:
            what = f"{self._connection.called} cannot be opened"
            raise ConfigError(f"{what}: {self._reason(error)}", self._connection.cure) from None

    def _listen(self, *, echo: bool) -> None:
        from sqlalchemy import event

        if echo:
            event.listen(self._engine, "before_cursor_execute", lambda *words: self._tell(Notice(shortened(str(words[2])))))
        if self._is_sqlite:
            # it commits what defines tables by itself
            event.listen(self._engine, "connect", lambda session, _: session.cursor().execute("pragma query_only = on"))

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        """A session that ends without a commit, and may only read where that can be asked for."""
        with contextlib.ExitStack() as stack:
            with self._refusals("cannot be reached", self._connection.cure, OSError):
                session = stack.enter_context(self._engine.connect().execution_options(postgresql_readonly=True))
            yield session

    @contextlib.contextmanager
    def _refusals(self, what: str, hint: str, *more: type[Exception]) -> Iterator[None]:
        """Turn what SQLAlchemy, a driver or pandas raises into an error that says `what` and the reason, without secrets."""
        from sqlalchemy.exc import SQLAlchemyError

        kinds: tuple[type[Exception], ...] = (SQLAlchemyError, *_TROUBLE, *more)
        try:
            yield
        except kinds as error:
            raise RemoteError(f"{self._connection.called} {what}: {self._reason(error)}", hint) from None

    @contextlib.contextmanager
    def _warnings(self) -> Iterator[None]:
        """Tell what SQLAlchemy warns of; those of other libraries are for their developers."""
        from sqlalchemy.exc import SAWarning

        with warnings.catch_warnings(record=True, action="always") as said:
            yield
        told = dict.fromkeys(self._reason(one.message) for one in said if isinstance(one.message, SAWarning))
        for text in told:
            self._tell(Notice(f"{self._connection.called}: {text}"))

    def _reason(self, error: BaseException) -> str:
        """What the database said, on one line."""
        said: BaseException = error
        cause: BaseException | None = error
        while cause is not None:
            said = getattr(cause, "orig", None) or said
            cause = cause.__cause__
        text = str(said).strip() or type(said).__name__
        for secret in sorted(_secrets(self._url), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return shortened(text.partition("\n[SQL:")[0].partition(" (Background on this")[0])


def shortened(text: str) -> str:
    """A text on one line, as it may be printed."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _parsed(connection: Connection) -> URL:
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise _lacking("SQLAlchemy") from None
    try:
        url = make_url(connection.url)
    except (ArgumentError, ValueError):
        hint = "it is like `postgresql://user@host/name` or `sqlite:////path/of/file`"
        raise ConfigError(f"the url of {connection.called} cannot be read", hint) from None
    if connection.username:
        url = url.set(username=connection.username)
    return url.set(password=connection.password) if connection.password else url


def _placed(url: URL, connection: Connection, folder: str) -> URL:
    """The URL with the place of a file made absolute; a file that does not exist would be made by asking for it."""
    name = url.database or ""
    if url.get_backend_name() not in _IN_FILES or name in ("", ":memory:") or name.startswith(("file:", "md:")):
        return url
    place = os.path.join(folder, name)
    if not os.path.isfile(place):
        hint = f"{connection.cure}; a path behind `:///` is seen from where you stand, one behind `:////` is absolute"
        raise ConfigError(f"there is no database `{printable(place)}`", hint)
    return url.set(database=place)


def _secrets(url: URL) -> set[str]:
    """What of a URL must not be told, as typed and as it is meant."""
    found = [str(url.password or ""), url.render_as_string(hide_password=False)]
    query: Mapping[str, Any] = url.query
    for key, value in query.items():
        if is_secret_word(key):
            found += [value] if isinstance(value, str) else value
    return {text for text in found if text}


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise _lacking("pandas") from None
    return pd


def _lacking(name: str) -> ConfigError:
    return ConfigError(f"databases need {name}, which is not installed", "run `pip install 'dvx-vc[db]'`")
