"""The bandit learns from its own lists once their time is over, publishes, and goes back when the release's order was better."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic import make_query, make_snapshot

from core import columns as c
from core.events import MadeFrom
from lake.adapters.memory import MemoryLake
from lake.tables import IMPRESSIONS, INTERACTIONS, LISTS
from ranking.linear_bandit import CONTEXT, BanditConfig, Posterior
from ranking.published_posterior import PublishedPosterior
from recommender.candidates import Candidates, merge
from recommender.parts.linear_bandit import LinearBanditConfig
from recommender.parts.selectors import GreedyConfig, SelectorConfig
from recommender.roles import Fetched
from streaming.learning.bandit_loop import BanditLoop
from streaming.learning.prequential import GuardConfig

NOW = make_snapshot()
PATIENCE = 60.0
LIKED = CONTEXT[3]  # the feature that acceptance depends on
Chance = Callable[[float, float], float]  # standardised feature and score of an item -> that it is accepted


class Shop:
    """Shows lists, answers them, and writes what the consumer would into the lake."""

    def __init__(self, path: Path, guard: GuardConfig | None = None) -> None:
        self.lake, self.now, self._n, self._path = MemoryLake(), 0.0, 0, path
        config = BanditConfig(max_step=1.0)
        self.loop = BanditLoop(self.lake, path, lambda: nullcontext(), 0.01, PATIENCE, config, guard, lambda: self.now)
        self.loop.learn()  # the followers begin here
        self.posterior, self._followed = Posterior.prior(), PublishedPosterior(path)
        self._rng = np.random.default_rng(0)

    def candidates(self) -> Candidates:
        rows, values = self._rng.permutation(300)[:40], self._rng.normal(size=(2, 40)).astype(np.float32)
        return merge({"a": Fetched(rows, values[0])}).with_features((LIKED,), values[1][:, None])

    def show(self, chance: Chance, lists: int, config: SelectorConfig | None = None) -> float:
        """Lists of five; the mean of what is accepted."""
        selector = (config or LinearBanditConfig(models=20)).build(NOW.with_posterior(self.posterior))
        accepted = 0
        tables: dict[str, list[dict[str, object]]] = {LISTS: [], IMPRESSIONS: [], INTERACTIONS: []}
        for _ in range(lists):
            self._n += 1
            found, request = self.candidates(), f"{self._n:032x}"
            chosen = selector.select(make_query(5, seed=self._n), found)
            liked = dict(zip(found.rows.tolist(), found.features.values[:, 0].tolist(), strict=True))
            assert chosen.reach is not None
            drawn_from = b64encode(chosen.reach.packed(NOW.catalogue)).decode()
            stored = MadeFrom(
                policy="p",
                code_version="c",
                seed="0" * 16,
                size=5,
                offset=0,
                statistics_as_of=0,
                learned_version=0,
                drawn_from=drawn_from,
            )
            common = {c.REQUEST_ID: request, c.USER: 1, c.ARM: "a", c.MODEL_VERSION: "r1", c.TS: self.now, c.OFFSET: self._n}
            how = {c.SECONDS: 0.1, c.FAILED: False, c.DEGRADED: False, c.SHADOW: False, c.OVERLAP: None}
            tables[LISTS].append(common | how | {c.MADE_FROM: stored.model_dump_json()})
            for position, row in enumerate(chosen.rows.tolist()):
                item, score = int(NOW.catalogue.ids[row]), float(chosen.scores[position])
                shown = {c.ITEM: item, c.POSITION: position, c.PROPENSITY: float(chosen.propensities[position]), c.SCORE: score}
                tables[IMPRESSIONS].append(common | shown | {c.POLICY: "p", c.EXPLORED: bool(chosen.explored[position])})
                if self._rng.random() < chance(liked[row], score):
                    accepted += 1
                    event = {c.EVENT_ID: f"{request}{position}", c.ITEM: item, c.KIND: "click", c.VALUE: None}
                    tables[INTERACTIONS].append({key: common[key] for key in (c.REQUEST_ID, c.USER, c.TS, c.OFFSET)} | event)
        for table, rows in tables.items():
            if rows:
                self.lake.append(table, pl.DataFrame(rows, infer_schema_length=None))
        return accepted / lists

    def learn(self) -> int:
        learned = self.loop.learn()
        self.posterior = self._followed.look() or self.posterior
        return learned


def by_feature(feature: float, score: float) -> float:
    return min(0.9, max(0.02, 0.2 + 0.15 * feature))


def by_score(feature: float, score: float) -> float:
    return min(0.9, max(0.02, 0.2 + 0.25 * score - 0.1 * feature))


def test_it_learns_what_is_accepted_once_the_time_of_a_list_is_over(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "posterior.parquet")
    before = shop.show(by_feature, 60)
    assert shop.learn() == 0, "an answer may still come"
    for _ in range(8):
        shop.now += PATIENCE
        assert shop.learn() == 60
        after = shop.show(by_feature, 60)
    assert shop.posterior.version == 8
    assert shop.posterior.mean[CONTEXT.index(LIKED)] > 0.05
    assert after > before + 0.3
    shop.now += PATIENCE
    assert (shop.learn(), shop.learn()) == (60, 0), "nothing counts twice"


def test_lists_of_other_policies_teach_it_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "posterior.parquet")
    shop.show(by_feature, 20, GreedyConfig())
    shop.now += PATIENCE
    assert shop.learn() == 0
    assert not (tmp_path / "posterior.parquet").exists()


def test_it_goes_back_to_the_prior_when_the_releases_order_would_have_got_more(tmp_path: Path) -> None:
    shop, published = Shop(tmp_path / "posterior.parquet", GuardConfig(window=2000, min_examples=300)), []
    wrong = Posterior(9, np.eye(len(CONTEXT))[3] * 0.5, np.eye(len(CONTEXT)) * 1e-4)
    for _ in range(20):
        shop.posterior = wrong  # whatever was learned, people get the worst lists
        shop.show(by_score, 60, LinearBanditConfig(models=20, floor=0.3))
        shop.now += PATIENCE
        shop.learn()
        published.append(shop.posterior)
    again = [one.version for one in published if np.array_equal(one.mean, Posterior.prior().mean)]
    assert again
    assert [one.version for one in published] == list(range(1, 21)), (
        "versions go on, so that the prior is not taken for the first"
    )


def test_the_estimate_of_the_releases_order_is_unbiased(tmp_path: Path) -> None:
    """Against lists of the release's order itself."""
    from streaming.learning.bandit_lists import AnsweredLists

    shop = Shop(tmp_path / "posterior.parquet")
    shop.posterior = Posterior(3, np.eye(len(CONTEXT))[3] * 0.02, np.eye(len(CONTEXT)) * 1e-3)
    waiting = AnsweredLists(0.0)
    shop.show(by_score, 1200, LinearBanditConfig(models=20, floor=0.5))
    tables = [shop.lake.read(table) for table in (LISTS, IMPRESSIONS, INTERACTIONS)]
    waiting.add(*tables)
    lists = list(waiting.ready(shop.now))
    estimates = [one.reward_in_release_order for one in lists]
    first = [one for one in lists if len(one.rewards)]
    assert len(first) == 1200
    truth = shop.show(by_score, 1200, GreedyConfig())
    error = np.std(estimates) / len(estimates) ** 0.5
    assert abs(np.mean(estimates) - truth) < 5 * error + 0.35, "given those above, which differ, so not by much"
    assert truth > np.mean([one.reward for one in lists]) + 0.1


def test_a_record_that_cannot_be_read_is_said_and_the_others_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop(tmp_path / "posterior.parquet")
    shop.show(by_feature, 2)
    rows = shop.lake.read(LISTS)
    broken = MadeFrom.model_validate_json(rows[c.MADE_FROM][0]).model_copy(update={"drawn_from": "AAAA"}).model_dump_json()
    shop.lake.replace(LISTS, rows.clear())
    shop.learn()
    shop.lake.append(LISTS, rows.drop(c.DAY).with_columns(pl.Series(c.MADE_FROM, [broken, rows[c.MADE_FROM][1]])))
    shop.now += PATIENCE
    assert shop.learn() == 1
    assert "teaches the bandit nothing" in caplog.text


def test_the_loop_stops_and_another_one_goes_on(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "posterior.parquet")
    shop.show(by_feature, 30)
    shop.now += PATIENCE
    stop = threading.Event()
    thread = threading.Thread(target=shop.loop.run, args=(stop,))
    thread.start()
    for _ in range(500):
        if (tmp_path / "posterior.parquet").exists():
            break
        stop.wait(0.02)
    stop.set()
    thread.join()
    later = BanditLoop(shop.lake, tmp_path / "posterior.parquet", lambda: nullcontext(), 0.01, 0.0, clock=lambda: shop.now)
    later.resume()
    later.learn()
    shop.show(by_feature, 1)
    assert later.learn() == 1
    found = PublishedPosterior(tmp_path / "posterior.parquet").look()
    assert found is not None
    assert found.version == 2
