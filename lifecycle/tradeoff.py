"""What engagement costs: the lists that a policy would have shown at several weights of cost, judged by what people took up.

Each weight gives a point: NDCG@10 and the mean cost of a list. The price of engagement between two points is the cost that buys
one more hundredth of NDCG@10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput
from evaluation.intervals import bootstrap, paired_bootstrap
from evaluation.metrics import ndcg
from evaluation.queries import LabelledQuery
from evaluation.ranking import K, rank_lists
from lifecycle.judging import requests
from recommender.live import Snapshot
from recommender.parts.allowed import of_catalogue
from recommender.parts.value import ValueConfig, costs_of
from recommender.policy import Policy
from recommender.recommender import Offline

WEIGHTS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
HUNDREDTH = 0.01  # of NDCG@10: the point of engagement that has a price


@dataclass(frozen=True, slots=True)
class Point:
    """Lists at one weight of cost.

    `price`: what one more hundredth of NDCG@10 costs a list, going to the point before; None where that is not better.
    """

    weight: float
    ndcg: float
    low: float  # of the 95 % interval of ndcg minus that of the first point
    high: float
    cost: float  # mean of a list of ten
    price: float | None


def tradeoff(
    found: Sequence[LabelledQuery], now: Snapshot, policy: Policy, value: ValueConfig, weights: Sequence[float]
) -> list[Point]:
    """The curve over ascending weights, for queries [m] on the snapshot's rows; the other settings of cost are those of `value`.

    Raises InvalidInput when no item has a cost, or a weight is not one.
    """
    if not weights or not all(0 <= weight < math.inf for weight in weights):
        raise InvalidInput("weights", list(weights), "one or more numbers from 0 on")
    of_items = np.asarray(of_catalogue(now, costs_of(now.facts, value.unknown_cost, value.hour_cost)), dtype=np.float64)
    if not of_items.any():
        allowed = (
            "known of some items (marquee data import, marquee items set --cost), or an --hour-cost where runtimes are known"
        )
        raise InvalidInput("cost", "unknown", allowed)
    users = np.array([query.user_id for query in found], dtype=np.int64)
    points: list[Point] = []
    first = np.empty(0)
    for weight in sorted(set(weights)):
        lists = _lists(found, now, with_value(policy, value.model_copy(update={"weight": weight})))
        gains = ndcg(rank_lists(lists, found, f"weight {weight:g}").ranks, K)
        first = first if points else gains
        difference = paired_bootstrap(gains, first, users)
        cost = float(np.mean([of_items[rows].sum() for rows in lists])) if lists else 0.0
        mean = bootstrap(gains, users).mean
        points.append(Point(weight, mean, difference.low, difference.high, cost, _price(points, mean, cost)))
    return points


def with_value(policy: Policy, value: ValueConfig) -> Policy:
    """The policy with these settings of its scorer `value`, which comes last where there was none."""
    scorers = [value if isinstance(one, ValueConfig) else one for one in policy.scorers]
    if value not in scorers:
        scorers.append(value)
    return policy.model_copy(update={"scorers": tuple(scorers)})


def _lists(found: Sequence[LabelledQuery], now: Snapshot, policy: Policy) -> list[NDArray[np.intp]]:
    with Offline(now, policy.greedy()) as offline:
        return [made.selection.rows for made in offline.recommend(requests(found, K))]


def _price(points: Sequence[Point], gained: float, cost: float) -> float | None:
    if not points or points[-1].ndcg <= gained:
        return None
    return (points[-1].cost - cost) / (points[-1].ndcg - gained) * HUNDREDTH


def draw(points: Sequence[Point], path: Path, title: str) -> None:
    """The curve as a picture: cost of a list to the right, NDCG@10 up, each point with its weight."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    base = points[0].ndcg
    error = [[max(one.ndcg - base - one.low, 0.0) for one in points], [max(one.high - (one.ndcg - base), 0.0) for one in points]]
    costs, gained = [one.cost for one in points], [one.ndcg for one in points]
    axes.errorbar(costs, gained, yerr=error, fmt="o-", color="#4878a8", ecolor="#aaaaaa", capsize=3)
    for one in points:
        axes.annotate(f"weight {one.weight:g}", (one.cost, one.ndcg), xytext=(6, -12), textcoords="offset points", fontsize=8)
    axes.margins(x=0.15)
    axes.set(title=title, xlabel="mean cost of a list of ten", ylabel="NDCG@10, and 95 % interval of the difference to the first")
    figure.savefig(path, dpi=120)
