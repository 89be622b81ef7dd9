"""Did people come to accept less of what they are shown? The latest lists of a release against its first ones. Pure.

Both are counted alike: lists that are old enough to have been answered, and answers within the same time. Otherwise the latest
lists would always look worse, because some of their answers are still to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from core import columns as c
from core.errors import InvalidInput
from core.kinds import CLICKS
from evaluation.acceptance import ACCEPTED, answered_lists, chosen
from evaluation.multiple import holm
from evaluation.watched import USERS
from monitoring.significance import SCORES

CLICKED = "clicked"
NAMES: Mapping[str, str] = {ACCEPTED: "acceptance", CLICKED: "click-through"}  # what falls, in words


@dataclass(frozen=True)
class RewardConfig:
    """When a fall counts."""

    level: float = 0.01  # probability that a check names a fall where there is none
    min_fall: float = 0.1  # of the first lists' rate, as a share of it
    horizon: float = 900.0  # seconds: a list is counted when it is so old, and an answer when it came within so many
    lists: int = 1_000  # first ones, that the release is compared with
    min_lists: int = 200  # latest ones
    max_lists: int = 2_000  # latest ones
    min_users: int = 50  # of either

    def __post_init__(self) -> None:
        for name, value in (("level", self.level), ("min_fall", self.min_fall)):
            if not 0 < value < 1:
                raise InvalidInput(name, value, "between 0 and 1")
        for name, count in (("lists", self.lists), ("min_lists", self.min_lists), ("min_users", self.min_users)):
            if count < 2:
                raise InvalidInput(name, count, "at least 2")
        if self.max_lists < self.min_lists:
            raise InvalidInput("max_lists", self.max_lists, f"at least min_lists ({self.min_lists})")


@dataclass(frozen=True, eq=False)
class ServedLists:
    """One row for each list of a release: user_id, ts, policy, ACCEPTED, CLICKED, SCORES (the mean)."""

    first: pl.DataFrame
    latest: pl.DataFrame
    untold: str = ""  # why they cannot be compared


@dataclass(frozen=True, slots=True)
class Fall:
    """One rate before and now. `p_value` is corrected for the number of rates."""

    before: float
    now: float
    p_value: float
    fell: bool


@dataclass(frozen=True)
class Reward:
    """The rates that could be compared, by name, or why none could."""

    found: Mapping[str, Fall] = field(default_factory=dict)
    untold: str = ""

    @property
    def fell(self) -> bool | None:
        """None: it cannot be told."""
        return any(fall.fell for fall in self.found.values()) if self.found else None


def served_lists(
    first_shown: pl.DataFrame, shown: pl.DataFrame, answers: pl.DataFrame, release: str, config: RewardConfig | None = None
) -> ServedLists:
    """The first and the latest lists of a release, from impressions and accepting interactions; no list is in both."""
    config = config or RewardConfig()
    newest = float(pl.concat([shown[c.TS], answers[c.TS]]).to_numpy().max(initial=0.0))
    ripe = pl.col(c.TS) <= newest - config.horizon
    first, latest = (
        _lists(frame.filter((pl.col(c.MODEL_VERSION) == release) & ripe), answers, config.horizon)
        for frame in (first_shown, shown)
    )
    first = first.sort(c.TS, c.REQUEST_ID).head(config.lists)
    latest = latest.join(first, on=c.REQUEST_ID, how="anti").sort(c.TS, c.REQUEST_ID).tail(config.max_lists)
    for role, lists, least in (("first", first, config.lists), ("latest", latest, config.min_lists)):
        users = lists[c.USER].n_unique()
        if len(lists) < least or users < config.min_users:
            needed = f"{least:,} of at least {config.min_users} users are needed"
            return ServedLists(first, latest, f"{role} lists of the release: {len(lists):,} of {users:,} users, {needed}")
    return ServedLists(first, latest)


def reward(lists: ServedLists, config: RewardConfig | None = None) -> Reward:
    """Compare acceptance and click-through, with users as the sample."""
    config = config or RewardConfig()
    if lists.untold:
        return Reward(untold=lists.untold)
    rates: dict[str, tuple[float, float, float]] = {}
    for column in (ACCEPTED, CLICKED):
        (before, error), (now, other) = (_rate(frame, column) for frame in (lists.first, lists.latest))
        spread = float(np.hypot(error, other))
        if spread > 0:
            rates[column] = before, now, float(ndtr((now - before) / spread))
    if not rates:
        return Reward(untold=f"no list was answered within {config.horizon:.0f} s, or each was")
    corrected = holm([p for _, _, p in rates.values()])
    return Reward(
        {
            NAMES[column]: Fall(before, now, p, bool(p <= config.level and before - now >= config.min_fall * before))
            for (column, (before, now, _)), p in zip(rates.items(), corrected, strict=True)
        }
    )


def score_columns(lists: ServedLists) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """SCORES of the first and of the latest lists, with USERS; scores of different policies have different scales, so of the
    policy alone that made most of the first. Empty where there are none."""
    if lists.untold:
        return {}, {}
    policy = lists.first[c.POLICY].mode().sort()[0]
    kept = (frame.filter((pl.col(c.POLICY) == policy) & pl.col(SCORES).is_finite()) for frame in (lists.first, lists.latest))
    columns = ({USERS: f[c.USER].rank("dense").to_numpy().astype(np.float64), SCORES: f[SCORES].to_numpy()} for f in kept)
    first, latest = columns
    return first, latest


def pairwise_accuracy(shown: pl.DataFrame, answers: pl.DataFrame, horizon: float) -> tuple[float, int] | None:
    """How often, within a list, an item that was accepted has a higher score than one that was not (a tie is half), as the mean
    over lists with both, and the number of these lists; None without any. That is the AUC of the served scores by list.

    People see the top of a list first, so it is higher than it would be if lists were shown in random order.
    """
    shown = chosen(shown)
    accepted = answers.select(c.REQUEST_ID, c.USER, c.ITEM, pl.col(c.TS).alias("answered_at"))
    yes = shown.join(accepted, on=[c.REQUEST_ID, c.USER, c.ITEM]).filter(pl.col("answered_at") - pl.col(c.TS) <= horizon)
    yes = yes.unique([c.REQUEST_ID, c.ITEM])
    no = shown.join(yes, on=[c.REQUEST_ID, c.ITEM], how="anti")
    pairs = yes.select(c.REQUEST_ID, pl.col(c.SCORE).alias("yes")).join(
        no.select(c.REQUEST_ID, pl.col(c.SCORE).alias("no")), on=c.REQUEST_ID
    )
    if pairs.is_empty():
        return None
    won = (pl.col("yes") > pl.col("no")).cast(pl.Float64) + (pl.col("yes") == pl.col("no")).cast(pl.Float64) / 2
    by_list = pairs.group_by(c.REQUEST_ID).agg(won.mean().alias("won"))["won"].to_numpy()
    return float(by_list.mean()), len(by_list)


def _lists(shown: pl.DataFrame, answers: pl.DataFrame, horizon: float) -> pl.DataFrame:
    lists = answered_lists(shown, answers, horizon)
    clicks = answered_lists(shown, answers.filter(pl.col(c.KIND).is_in(CLICKS)), horizon)
    scores = shown.group_by(c.REQUEST_ID).agg(pl.col(c.SCORE).mean().alias(SCORES))
    clicked = clicks.select(c.REQUEST_ID, pl.col(ACCEPTED).alias(CLICKED))
    return lists.join(clicked, on=c.REQUEST_ID).join(scores, on=c.REQUEST_ID)


def _rate(lists: pl.DataFrame, column: str) -> tuple[float, float]:
    """The share of lists, and its standard error with users as the sample (the delta method for a ratio of means)."""
    users = lists.group_by(c.USER).agg(pl.col(column).sum().alias("yes"), pl.len().alias("of"))
    yes, of = users["yes"].to_numpy().astype(np.float64), users["of"].to_numpy().astype(np.float64)
    rate, n = float(yes.sum() / of.sum()), len(users)
    return rate, float(np.sqrt(n / (n - 1) * ((yes - rate * of) ** 2).sum()) / of.sum())
