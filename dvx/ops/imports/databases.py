"""import-db, test-db: what a database answers to a query, recorded with the query.

Only these two and `update` connect to a database, so that a repository of somebody else's cannot ask one by being cloned,
pulled or run.
"""

from __future__ import annotations

from msgspec.structs import replace

from dvx.config import Config
from dvx.errors import ConfigError, UnknownTarget, nearest, quoted
from dvx.model.events import Tell, silent
from dvx.model.imports.database import Connection, Query, encode_query
from dvx.model.paths import printable
from dvx.ops.imports.record import ImportOptions, place_for
from dvx.ops.imports.records import Arrived, Imported, take, write_import
from dvx.ops.sources.repositories import Sources, room_of
from dvx.project import Project
from dvx.store.database import Database

_YES = frozenset({"1", "y", "yes", "true", "on"})


def import_db(project: Project, query: Query, options: ImportOptions, tell: Tell = silent) -> Imported:
    """Import what a database answers to a query.

    Raises:
        UnknownTarget: the configuration has no such connection.
        ConfigError: a package is not installed, or the connection is wrong.
        RemoteError: the database cannot be reached, or refuses.
        DvxError: the place is taken, or cannot be tracked.
    """
    connection = connection_of(project.config, query.connection)
    # DVC finds names only as they stand in its configuration
    query = replace(query, connection=connection.name)
    path = place_for(project, f"{query.table or 'results'}.{query.file_format}", options, tell)
    with Sources(project) as sources:
        room, inner = answered(project, query, path, sources, tell)
        content = take(project, room, inner, path, tell, force=options.force)
    return write_import(project, path, Arrived(content, encode_query(query)))


def answered(project: Project, query: Query, path: str, sources: Sources, tell: Tell) -> tuple[Project, str]:
    """Write what a database answers into a folder of its own; returns that, and the path in it. Raises like `import_db`."""
    connection = connection_of(project.config, query.connection)
    room, name = room_of(project, sources.new()), path.rpartition("/")[2]
    with _opened(project.config, connection, project.cwd, tell) as database:
        database.export(query, room.abs(name))
    return room, name


def try_connection(config: Config, cwd: str, given: Connection, tell: Tell = silent) -> str:
    """Try a connection; what is `given` besides its name wins over the configuration. Returns the URL, without secrets.

    Raises like `import_db`.
    """
    known = connection_of(config, given.name, given.url) if given.name else given
    url, username, password = given.url or known.url, given.username or known.username, given.password or known.password
    with _opened(config, Connection(known.name, url, username, password), cwd, tell) as database:
        database.check()
        return database.shown


def connection_of(config: Config, name: str, url: str = "") -> Connection:
    """The connection that the configuration calls so; `url` is for one without.

    Raises:
        UnknownTarget: there is none.
        ConfigError: it has no URL, or the user did not agree to the repository's.
    """
    chosen = name.lower()
    options = {key.option: one for key, one in config.settings.items() if key.section == "db" and key.name == chosen}
    option = quoted(f"db.{chosen}.url")
    if not options:
        hint = nearest(chosen, connections(config)) or f"run `dvx config {option} URL`"
        raise UnknownTarget(f"there is no database connection `{printable(name)}`", hint)
    if not url and "url" in options:
        config.demand(options["url"])
    values = {key: one.text for key, one in options.items()}
    url = url or values.get("url", "")
    if not url:
        raise ConfigError(f"the database connection `{printable(name)}` has no url", f"run `dvx config {option} URL`")
    return Connection(chosen, url, values.get("username", ""), values.get("password", ""))


def connections(config: Config) -> tuple[str, ...]:
    """The names of all connections."""
    return tuple(dict.fromkeys(key.name for key in config.settings if key.section == "db"))


def _opened(config: Config, connection: Connection, cwd: str, tell: Tell) -> Database:
    echo = config.environ.get(f"{config.dialect.environment_prefix}_SQLALCHEMY_ECHO", "").lower() in _YES
    return Database(connection, cwd, tell, echo=echo)
