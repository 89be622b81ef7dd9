"""`marquee tradeoff`: cost-aware ranking, before anybody sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.console import echo, out, settings
from core.errors import InvalidInput

app = typer.Typer()
EXAMPLE = "Example: marquee tradeoff --weights 0,0.5,1,2 --hour-cost 0.02"


@app.command(epilog=EXAMPLE)
def tradeoff(
    pipeline: Annotated[str | None, typer.Option(help="a pipeline in configs/pipelines; by default MARQUEE_PIPELINE")] = None,
    weights: Annotated[str, typer.Option(help="weights of cost, comma-separated")] = "0,0.1,0.2,0.5,1,2,5,10",
    unknown_cost: Annotated[float, typer.Option(min=0.0, help="licence cost of an item without one")] = 0.0,
    hour_cost: Annotated[float, typer.Option(min=0.0, help="cost of serving an hour of play")] = 0.0,
    queries: Annotated[int, typer.Option(min=10, max=10_000, help="events that are predicted at most")] = 500,
    to: Annotated[Path | None, typer.Option("--out", help="folder of picture and figures; by default under MARQUEE_HOME")] = None,
) -> None:
    """Show what engagement costs: NDCG@10 against the mean cost of a list, for several weights of cost in the ranking.

    The lists are those that the production release would have shown under the policy, greedily, before each of the latest events.
    Nothing is changed. Put the weight that you choose into the policy, as the scorer `value` (docs/policies.md).
    """
    from app.usecases import tradeoff as usecase
    from recommender.parts.value import ValueConfig
    from recommender.policy import Policy

    home = settings()
    policy = Policy.load(pipeline or home.pipeline)
    value = ValueConfig(weight=0.0, unknown_cost=unknown_cost, hour_cost=hour_cost)
    points = usecase.compute(home, policy, value, _numbers(weights), queries, echo)
    out.print(usecase.table(points))
    picture, figures = usecase.write(points, to or home.folder("evaluation") / "tradeoff", policy)
    echo(f"{picture}\n{figures}")


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in text.split(",")]
    except ValueError as error:
        raise InvalidInput("--weights", text, "numbers from 0 on, comma-separated") from error
