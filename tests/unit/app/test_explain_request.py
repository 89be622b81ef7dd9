"""`marquee explain-request`: what is on record of a list, whatever its items are called, and the exit code."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from synthetic import make_policy

from app import console, wiring
from app.hosting import remember
from core import columns as c
from core.errors import NotFound
from core.events import MadeFrom
from core.features import UserFeatures
from core.ids import FIRST_ITEM_KEY
from feature_repo.record import pack
from lake.tables import IMPRESSIONS, ITEM_IDS, LISTS
from ranking.linear_bandit import CONTEXT
from recommender.drawn_from import DrawnFrom

if TYPE_CHECKING:
    from click.testing import Result

SKU = FIRST_ITEM_KEY + 1
GOOD, CHANGED = "a" * 32, "b" * 32
POLICY = make_policy(selector={"part": "greedy"})


@pytest.fixture
def lists(marquee: Callable[..., Result]) -> Callable[..., Result]:
    """Two lists of the items 2 and "sku-1"; one of them is not in the order that its policy makes."""
    lake, nothing = wiring.lake(console.settings()), np.full(2, np.nan, dtype=np.float32)
    keys, scores = np.array([SKU, 2]), np.array([0.5, 0.25], dtype=np.float32)
    drawn_from = DrawnFrom(keys, scores, nothing, np.empty((0, len(CONTEXT)), np.float32)).pack()
    stored = MadeFrom(
        policy=POLICY.id,
        code_version="abc",
        seed="0" * 16,
        size=2,
        offset=0,
        statistics_as_of=1.0,
        learned_version=3,
        features=b64encode(pack(UserFeatures(7, external_id="ann", n_events=4))).decode(),
        drawn_from=b64encode(drawn_from).decode(),
    )
    remember(lake, [POLICY], 0.0)
    lake.append(ITEM_IDS, pl.DataFrame({c.KEY: [SKU], c.ID: ["sku-1"]}))
    for number, (request, order) in enumerate(((GOOD, [0, 1]), (CHANGED, [1, 0]))):
        common = {c.REQUEST_ID: request, c.USER: 7, c.ARM: "control", c.MODEL_VERSION: "left", c.TS: 1e9, c.OFFSET: number}
        shown = [
            common
            | {c.ITEM: int(keys[at]), c.POSITION: position, c.PROPENSITY: 1.0, c.SCORE: float(scores[at])}
            | {c.POLICY: POLICY.id, c.EXPLORED: False}
            for position, at in enumerate(order)
        ]
        how = {c.SECONDS: 0.1, c.FAILED: False, c.DEGRADED: False, c.SHADOW: False, c.MADE_FROM: stored.model_dump_json()}
        lake.append(IMPRESSIONS, pl.DataFrame(shown))
        lake.append(LISTS, pl.DataFrame([common | how]).with_columns(pl.lit(None, pl.Float64).alias(c.OVERLAP)))
    return marquee


def test_it_says_what_made_a_list_and_that_it_came_out_again(lists: Callable[..., Result]) -> None:
    told = lists("explain-request", GOOD)
    assert told.exit_code == 0
    for part in ("sku-1", POLICY.id, "identical, bit for bit", "4 events", "has no release left any more"):
        assert part in told.stdout
    found = json.loads(lists("explain-request", GOOD, "--json").stdout)
    assert [one["item_id"] for one in found["items"]] == ["sku-1", 2]
    assert found["features"]["user_id"] == "ann"
    assert found["learned_version"] == 3


def test_a_list_that_comes_out_otherwise_is_an_error(lists: Callable[..., Result]) -> None:
    told = lists("explain-request", CHANGED)
    assert told.exit_code == 1
    assert "position 0" in told.stdout
    with pytest.raises(NotFound, match="on record"):
        lists("explain-request", "c" * 32)
