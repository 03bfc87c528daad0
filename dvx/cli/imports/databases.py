"""The commands about databases: import-db, test-db."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.common import cwd, find_project, tell_git
from dvx.cli.session import SESSION
from dvx.cli.setup import complete, complete_values
from dvx.cli.terminal import render
from dvx.config import Config, environment
from dvx.errors import UsageError
from dvx.model.imports.database import Connection, Query
from dvx.model.paths import printable


def import_db(
    *,
    sql: Annotated[str, typer.Option("--sql", metavar="QUERY", help="SQL query to run; it is stored in the pointer file.")] = "",
    table: Annotated[str, typer.Option("--table", metavar="TABLE", help="Table or view to import completely.")] = "",
    conn: Annotated[
        str,
        typer.Option(
            "--conn",
            metavar="NAME",
            help="Name of the configured connection (`db.NAME.url`).",
            autocompletion=complete.databases,
            show_default=False,
        ),
    ],
    output_format: Annotated[
        str,
        typer.Option(
            "--output-format",
            metavar="[csv|json]",
            help="File format of the result (default: csv).",
            autocompletion=complete_values.result_formats,
        ),
    ] = "csv",
    out: Annotated[str, typer.Option("--out", "-o", help="Destination (default: named after the table, or `results`).")] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing destination.")] = False,
) -> None:
    """Import the result of a database query and track the query.

    `dvx update` runs the query again.

    `dvx config db.NAME.url URL` makes a connection; the password goes into `db.NAME.password`, which is kept where Git does not
    see it. Nobody is asked but by this command and `dvx update`.

    \b
    Example: dvx import-db --table sales --conn main
             dvx import-db --sql "select * from sales where year = 2026" --conn main --output-format json -o 2026.json -f
    """
    from dvx.ops.imports.databases import import_db
    from dvx.ops.imports.record import ImportOptions

    project = find_project()
    query = Query(conn, sql, table, output_format)
    found = import_db(project, query, ImportOptions(out=out, force=force), render.terminal())
    render.note(f"Imported '{printable(query.text)}' -> '{printable(project.shown(found.path))}'")
    tell_git(project, found.for_git)


def try_db(
    *,
    conn: Annotated[
        str,
        typer.Option(
            "--conn", metavar="NAME", help="Name of the configured connection (`db.NAME.url`).", autocompletion=complete.databases
        ),
    ] = "",
    url: Annotated[str, typer.Option("--url", help="Connection URL that replaces the configured one.")] = "",
    username: Annotated[str, typer.Option("--username", help="User name that replaces the configured one.")] = "",
    password: Annotated[
        str,
        typer.Option("--password", help="Password that replaces the configured one. Other users can see it in the process list."),
    ] = "",
) -> None:
    """Test whether a database connection works.

    \b
    Example: dvx test-db --conn main
             dvx test-db --url postgresql://db.example.com/sales --username me --password "$PASSWORD"
    """
    from dvx.ops.imports.databases import try_connection

    if not conn and not url:
        raise UsageError("there is no connection to test", "write `--conn NAME`, or `--url URL`")
    root, dialect = SESSION.get().here()
    config = Config.load(root, dialect, environment())
    shown = try_connection(config, cwd(), Connection(conn, url, username, password), render.terminal())
    render.note(f"The connection to {shown} works.")
