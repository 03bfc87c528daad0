"""The commands for editors: schema, vscode."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.common import find_project, tell_git
from dvx.cli.session import SESSION
from dvx.cli.terminal import render
from dvx.model.setup.json_schema import FileKind, schema_of


def schema(kind: Annotated[FileKind, typer.Argument(help="File format to print the schema of.", show_default=False)]) -> None:
    """Print the JSON Schema of a file format, for editors.

    Editors use it to complete, explain and check what you type.

    In a DVC repository it is that of DVC's file.

    Example: dvx schema pipeline > dvx.schema.json
    """
    render.json(schema_of(kind, SESSION.get().here()[1]))


def vscode(
    *, check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if something is out of date.")] = False
) -> None:
    """Set up VS Code: tasks, validation and excluded folders.

    Writes tasks, schemas and lists of excluded folders below `.vscode`.

    What else stands in these files stays as it is written, with its comments. Run it again when stages come or go.

    Example: dvx vscode
    """
    from dvx.ops.setup.vscode import find_outdated, write

    project = find_project()
    outdated = find_outdated(project)
    for file in outdated:
        for change in file.changes if check else ():
            render.data(f"{file.file}: {change}")
    if check and outdated:
        render.error("the set-up of VS Code is out of date", "run `dvx vscode`")
        raise typer.Exit(1)
    write(project, outdated)
    for file in outdated:
        render.note(f"Wrote {project.shown(file.file)}")
    if not outdated:
        render.note("The set-up of VS Code is up to date.")
    tell_git(project, [file.file for file in outdated])
