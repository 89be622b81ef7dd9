"""`marquee reference`: the tables of docs/reference.md. Maintenance of the repository, so the command is hidden."""

from __future__ import annotations

from typing import Annotated

import typer

from app.console import echo, out

app = typer.Typer()


@app.command(hidden=True, epilog="Example: marquee reference --check")
def reference(
    context: typer.Context,
    write: Annotated[bool, typer.Option("--write/--check", help="write the file, or exit with 1 if it is out of date")] = False,
) -> None:
    """Render the tables of docs/reference.md from the code, and write them or compare them with the file."""
    from app import reference as document

    before = document.read()
    after = document.rendered(before, document.tables(context.find_root().command))
    if before == after:
        out.print("docs/reference.md is what the code says")
    elif write:
        document.PATH.write_text(after)
        out.print("docs/reference.md was written")
    else:
        echo("docs/reference.md is out of date; write it with `marquee reference --write`")
        raise typer.Exit(1)
