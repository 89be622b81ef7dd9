"""`marquee explain-request`: where a list of the past came from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app import wiring
from app.console import out, settings

app = typer.Typer()


@app.command("explain-request", epilog="Example: marquee explain-request 0123456789abcdef0123456789abcdef --json")
def explain_request(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="the request_id of the list")],
    as_json: Annotated[bool, typer.Option("--json", help="everything, for programs")] = False,
) -> None:
    """Say which release, data, code, policy, features and seed made a list, and draw it again from what is stored of it.

    Ends with exit code 1 if the list that comes out differs from the logged one.
    """
    from app.usecases.provenance import opener, provenance

    found = provenance(wiring.lake(settings()), opener(wiring.registry(settings())), request_id)
    if as_json:
        out.print_json(json.dumps(found))
    else:
        _show(found)
    if found["drawn_again"]["differences"]:
        raise typer.Exit(1)


def _show(found: dict[str, object]) -> None:
    """For people: one line for each thing, and the list."""
    from rich.table import Table

    again, items = found["drawn_again"], found["items"]
    for name in ("at", "user", "arm", "release", "policy", "code_version", "seed", "page", "statistics_as_of", "learned_version"):
        out.print(f"{name}: {found[name]}", markup=False, soft_wrap=True)
    features = found["features"]
    known = (
        "none"
        if not isinstance(features, dict)
        else f"{features['n_events']} events, the latest items {features['item_ids'][-5:]}"
    )
    out.print(f"features: {known}", markup=False, soft_wrap=True)
    table = Table("position", "item", "propensity", "score", "explored")
    for one in items if isinstance(items, list) else ():
        explored = "yes" if one["explored"] else ""
        table.add_row(str(one["position"]), str(one["item_id"]), f"{one['propensity']:.6g}", f"{one['score']:.6g}", explored)
    out.print(table)
    if isinstance(again, dict):
        said = [*again["differences"], *again["unchecked"]] or ["identical, bit for bit: items, scores and propensities"]
        for line in said:
            out.print(f"drawn again: {line}", markup=False, soft_wrap=True)
