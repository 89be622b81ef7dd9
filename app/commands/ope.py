"""`marquee ope`: what a policy would earn, from the logs of the one that serves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import wiring
from app.commands.features import seconds_of
from app.console import out, settings

if TYPE_CHECKING:
    from app.usecases.ope.evaluating import Found

app = typer.Typer()
EXAMPLE = (
    "Example: marquee ope --policy configs/pipelines/default.toml --exploration 0.02 --since 7d --html ope.html; "
    "a release before anybody sees it, for the gate: marquee ope --policy default --release candidate"
)


@app.command(epilog=EXAMPLE)
def ope(
    policy: Annotated[str, typer.Option(help="a TOML file as in configs/pipelines, or a name there")],
    since: Annotated[str, typer.Option(help="how far back the logs are read, for example 12h or 7d")] = "7d",
    html: Annotated[
        Path | None, typer.Option(help="where the page goes; by default evaluation/ope/POLICY.html of the home folder")
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="version or alias to judge the policy on; by default the release that made each list")
    ] = None,
    exploration: Annotated[
        float | None, typer.Option(min=0, help="exploration rate of the policy; by default that of MARQUEE_EXPLORATION")
    ] = None,
    lists: Annotated[int, typer.Option(min=1, help="at most so many lists are judged, drawn evenly")] = 5000,
    seed: Annotated[int, typer.Option(min=0, help="of that draw")] = 0,
) -> None:
    """Judge a policy from logged lists before anybody sees its own: better, worse, or cannot tell and how many more would.

    Every logged request is replayed through the recommender with the policy, which says how likely each shown list would have
    been. With --release and the policy that is served, the verdict is kept with the version, and the gate refuses what is worse.
    Logs without propensities, and logs that say too little about this policy, get no estimate but the reason.
    """
    from app.bars import Bars
    from app.pages import write
    from app.usecases.ope.evaluating import PolicyQuestion, evaluate, policy_names, remember
    from app.usecases.ope.report import page
    from recommender.policy import Policy

    home = settings()
    wanted = Policy.named(policy).exploring(home.exploration if exploration is None else exploration)
    question = PolicyQuestion(wanted, time.time() - seconds_of(since, "--since"), release, lists, seed)
    with Bars() as bar:
        task = bar.add_task("replaying lists", total=None)
        found = evaluate(home, question, lambda total: bar.update(task, total=total), lambda: bar.advance(task))
    names = policy_names(wiring.lake(home), found.policies)
    path = html or home.folder("evaluation") / "ope" / f"{wanted.name}.html"
    write(path, page(found, names))
    _show(found, names)
    if remember(home, found):
        out.print("the gate knows", markup=False)
    out.print(f"report: {path}", markup=False, soft_wrap=True)


def _show(found: Found, names: list[str]) -> None:
    from rich.table import Table

    from app.usecases.ope.report import estimate_rows, facts, slice_rows, support_rows

    about = Table(show_header=False)
    for row in [*facts(found, names), *support_rows(found.analysis)]:
        about.add_row(*row)
    estimates = Table("estimator", "accepted lists, 95 %", "empirical Bernstein", "assumes that")
    for estimate in estimate_rows(found.analysis):
        estimates.add_row(*estimate)
    out.print(about, estimates, sep="\n")
    if found.analysis.slices:
        slices = Table("slice", "lists", "logged", "gain")
        for one in slice_rows(found.analysis):
            slices.add_row(*one)
        out.print(slices)
    out.print(found.analysis.verdict.line(), markup=False, soft_wrap=True)
