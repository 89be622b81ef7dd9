"""Selectors: the policy's choice, with every column of the chosen candidates."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import make_query, make_snapshot

from core.catalogue import Catalogue
from ranking.linear_bandit import CONTEXT, LinearBandit, Posterior
from ranking.policies import epsilon, greedy, plackett_luce
from recommender.candidates import Candidates, merge
from recommender.drawn_from import DrawnFrom
from recommender.parts.caps import CapConfig, caps_of
from recommender.parts.linear_bandit import LinearBanditConfig
from recommender.parts.selectors import EpsilonConfig, GreedyConfig, PlackettLuceConfig, SelectorConfig
from recommender.roles import Fetched

NOW = make_snapshot()
EVERY: tuple[SelectorConfig, ...] = (
    GreedyConfig(),
    EpsilonConfig(epsilon=0.5),
    PlackettLuceConfig(),
    LinearBanditConfig(models=20),
    LinearBanditConfig(by="upper_bound"),
)


def candidates(n: int = 60) -> Candidates:
    """Even rows were found by the second source as well."""
    rows, scores = np.arange(n) + 100, np.random.default_rng(n).normal(size=n).astype(np.float32)
    return merge({"a": Fetched(rows, scores), "b": Fetched(rows[::2], scores[::2])})


def candidates_of(rows: np.ndarray) -> Fetched:
    return Fetched(rows, np.random.default_rng(7).normal(size=len(rows)).astype(np.float32))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_selector_is_its_policy(seed: int) -> None:
    found, query = candidates(), make_query(10, seed=seed)
    expected = {
        GreedyConfig().build(NOW): greedy.choose(found.scores, 10),
        EpsilonConfig(epsilon=0.8, pool=30).build(NOW): epsilon.choose(found.scores, 10, 0.8, 30, seed),
        EpsilonConfig(epsilon=0.8, slots=(1, 4)).build(NOW): epsilon.choose(found.scores, 10, 0.8, 50, seed, slots=(1, 4)),
        PlackettLuceConfig(temperature=2.0).build(NOW): plackett_luce.choose(found.scores, 10, 2.0, 50, seed),
    }
    for selector, choice in expected.items():
        chosen = selector.select(query, found)
        np.testing.assert_array_equal(chosen.rows, found.rows[choice.index])
        np.testing.assert_array_equal(chosen.propensities, choice.propensities)
        np.testing.assert_array_equal(chosen.explored, choice.explored)


def test_every_column_follows_its_row() -> None:
    found = candidates()
    chosen = EpsilonConfig(epsilon=0.8, pool=30).build(NOW).select(make_query(10, seed=3), found)
    assert chosen.sources == ("a", "b")
    np.testing.assert_array_equal(chosen.scores, found.scores[chosen.rows - 100])
    np.testing.assert_array_equal(chosen.found_by("b"), chosen.rows % 2 == 0)
    assert chosen.found_by("a").all()
    assert not chosen.found_by("nobody").any()


def test_positions_up_to_the_end_of_the_page_are_filled() -> None:
    assert len(GreedyConfig().build(NOW).select(make_query(10, offset=7), candidates())) == 17


def test_no_candidates_no_selection() -> None:
    for config in EVERY:
        assert len(config.build(NOW).select(make_query(10), candidates(0))) == 0


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.part)
def test_propensities_of_its_own_list_are_what_it_said(config: SelectorConfig) -> None:
    """With new items, and with caps on genres that bind."""
    names = np.arange(60)
    found = merge({"a": candidates_of(names), "new_items": Fetched(names[50:], -np.ones(10, np.float32))}, ["new_items"])
    capped = config.model_copy(update={"caps": (CapConfig(by="genre", most=3),)}).build(NOW)
    for seed in range(30):
        query = make_query(12, seed=seed)
        chosen = capped.select(query, found)
        np.testing.assert_array_equal(capped.propensities(query, found, chosen.rows), chosen.propensities)
        within = chosen.rows[: len(chosen) - chosen.over_cap]
        assert (NOW.catalogue.genres[within].sum(axis=0) <= 3).all()
    assert capped.propensities(query, found, np.array([299])).tolist() == [0.0], "not a candidate"


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.part)
@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("offset", [0, 30])
def test_a_list_is_drawn_again_bit_for_bit_from_what_is_stored_of_it(config: SelectorConfig, capped: bool, offset: int) -> None:
    """From the bytes alone, whatever order the sources found the candidates in; 200 candidates, of which a draw reaches some."""
    rows = np.random.default_rng(1).permutation(300)[:200]
    scores = np.round(np.random.default_rng(2).normal(size=200), 1).astype(np.float32)  # with ties
    fits = np.random.default_rng(3).random(20).astype(np.float32) - np.float32(3.0)
    found = merge({"a": Fetched(rows[:185], scores[:185]), "new_items": Fetched(rows[180:], fits)}, ["new_items"])
    found = found.with_features(("log_popularity",), found.scores[:, None] ** 2)
    chosen_by = config.model_copy(update={"caps": (CapConfig(by="genre", most=4),) if capped else ()})
    learned = NOW.with_posterior(a_posterior())
    for seed in range(10):
        query = make_query(20, offset=offset, seed=seed)
        made = chosen_by.build(learned).select(query, found)
        assert made.reach is not None
        raw = made.reach.packed(NOW.catalogue)
        stored = DrawnFrom.unpack(raw)
        assert stored.pack() == raw
        again = chosen_by.selector(NOW.catalogue, stored.posterior or Posterior.prior())
        drawn = again.select(query, stored.candidates(NOW.catalogue.rows(stored.keys)))
        np.testing.assert_array_equal(drawn.rows, made.rows)
        for column in ("propensities", "scores", "explored"):
            np.testing.assert_array_equal(getattr(drawn, column), getattr(made, column))
        if not capped:
            assert len(stored.keys) < 200 or offset, "a part of the candidates is enough"


def test_bytes_that_are_no_candidates_are_refused() -> None:
    made = GreedyConfig().build(NOW).select(make_query(5), candidates())
    assert made.reach is not None
    raw = made.reach.packed(NOW.catalogue)
    for broken in (b"", raw[:5], raw[:-4], b"\x09" + raw[1:]):
        with pytest.raises(ValueError, match=r"candidates|format"):
            DrawnFrom.unpack(broken)


def a_posterior() -> Posterior:
    bandit = LinearBandit()
    rng = np.random.default_rng(4)
    bandit.learn(rng.normal(size=(500, len(CONTEXT))).astype(np.float32), (rng.random(500) < 0.2).astype(np.float64))
    return bandit.posterior()


def test_groups_of_every_kind_and_none_where_nothing_is_known() -> None:
    catalogue = Catalogue(
        ids=np.arange(4),
        titles=("a", "b", "c", "d"),
        genre_names=("Drama", "War"),
        genres=np.array([[1, 0], [1, 1], [0, 0], [0, 1]], dtype=np.float32),
        years=np.array([1994, 1999, 0, 2003], dtype=np.float32),
        tags=(("series:matrix", "dark"), ("series:matrix",), (), ("dark",)),
        people=(("Kim",), (), ("Kim", "Lee"), ()),
        languages=("en", "", "fr", "en"),
        series=("Matrix", "Matrix", "", "Dune"),
    )

    def groups(by: str, prefix: str = "") -> list[list[int]]:
        """Rows of each group."""
        table = CapConfig(by=by, most=1, prefix=prefix).groups(catalogue, np.arange(4))  # type: ignore[arg-type]
        return [np.flatnonzero(column).tolist() for column in table.T]

    assert groups("genre") == [[0, 1], [1, 3]]
    assert groups("genre", "W") == [[1, 3]]
    assert groups("tag", "series:") == [[0, 1]]
    assert groups("person") == [[0, 2], [2]]
    assert groups("decade") == [[0, 1], [3]]
    assert groups("language") == [[0, 3], [2]]
    assert groups("series") == [[0, 1], [3]]
    assert groups("series", "D") == [[3]]
    assert groups("keyword") == [], "nothing is known of keywords"
    both = caps_of([CapConfig(by="genre", most=2), CapConfig(by="decade", most=1)], catalogue, np.array([3, 1]))
    assert both is not None
    assert both.member.tolist() == [[False, True, True, False], [True, True, False, True]]
    assert both.most.tolist() == [2, 2, 1, 1]


def test_settings_that_are_not_used_are_not_part_of_a_policys_id() -> None:
    assert set(EpsilonConfig().model_dump()) == {"part", "epsilon", "pool", "new_share"}
    assert {"caps", "slots"} <= set(EpsilonConfig(slots=(1,), caps=(CapConfig(by="genre", most=3),)).model_dump())
