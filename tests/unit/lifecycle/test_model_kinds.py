"""Kinds of model on one data set: random towers, EASE and transitions that learned two tastes, by one recommender."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from synthetic import POPULAR, TWO_TOWER, make_policy, make_snapshot

from core import bundle
from core.catalogue import Catalogue
from evaluation.blended import Learned
from lifecycle import judging
from lifecycle.figures import Figures
from lifecycle.model_kinds import SERVED, ModelKind, compare_kinds, kinds_of, models_table
from recommender.live import Snapshot
from retrieval.config import TrainConfig
from retrieval.ease import EaseTable
from retrieval.training import TrainedTowers
from retrieval.transitions import Transitions
from retrieval.two_tower import TwoTower

N_ITEMS, N_USERS, PER_USER, START = 40, 60, 14, 1e9
TRAINED, END = START + 10, START + PER_USER
TEXT_ONLY = Catalogue.from_frame(
    pl.DataFrame(
        {"item_id": range(1, N_ITEMS + 1), "title": [""] * N_ITEMS, "genres": [[]] * N_ITEMS, "year": [None] * N_ITEMS},
        schema_overrides={"genres": pl.List(pl.String), "year": pl.Int64},
    )
)


def tastes() -> pl.DataFrame:
    """Odd users take odd items, even users even ones; step s of a user happens between s and s + 1."""
    rng = np.random.default_rng(0)
    rows = [
        (f"{user}-{step}", user + 1, int(2 * k + user % 2) + 1, START + step + user / N_USERS)
        for user in range(N_USERS)
        for step, k in enumerate(rng.permutation(N_ITEMS // 2)[:PER_USER])
    ]
    names = {"event_id": pl.String, "user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(kind=pl.lit("rating"), value=pl.lit(4.0), log_offset=pl.lit(-1, dtype=pl.Int64))


EVENTS = tastes()
PAST = EVENTS.filter(pl.col("ts") < TRAINED)
POLICY = make_policy(source=[TWO_TOWER, POPULAR], scorer=[{"part": "retrieval"}])


@pytest.fixture
def served(tmp_path: Path) -> Snapshot:
    """Random towers, whose files are in the folder of the release."""
    now = make_snapshot("r1", TEXT_ONLY)
    for name, size in ((bundle.USER_TOWER, 1_000), (bundle.TOWER_WEIGHTS, 2_000), (bundle.ITEM_EMBEDDINGS, 3_000)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / bundle.RANKER).write_bytes(b"x" * 500)
    transitions = Transitions.fit(PAST, TEXT_ONLY)
    transitions.save(tmp_path / bundle.TRANSITIONS)
    return replace(now, release=replace(now.release, folder=tmp_path), transitions=transitions)


def learned() -> Learned:
    config = TrainConfig.of(dim=8, blocks=1, heads=1)
    model = TwoTower(TEXT_ONLY, np.ones(N_ITEMS, dtype=np.bool_), config)
    towers = TrainedTowers(model, np.zeros((N_ITEMS, 8), np.float32), {}, config, seconds=7.0)
    eases = EaseTable.fit(PAST, TEXT_ONLY, [1.0, 50.0])
    return Learned(towers, Transitions.fit(PAST, TEXT_ONLY), None, eases, {"transitions": 1.0, "ease": 2.0})


def kinds(served: Snapshot) -> list[ModelKind]:
    return kinds_of(learned(), served, POLICY, 0.5, judging.queries(EVENTS, TEXT_ONLY, TRAINED - 2, TRAINED))


def test_ease_beats_random_towers_by_the_same_recommender(served: Snapshot) -> None:
    found = {one.name: one for one in compare_kinds(kinds(served), EVENTS, TRAINED, END)}
    assert list(found) == [SERVED, "two towers", "EASE", "transitions"]
    assert found["two towers"].ndcg == found[SERVED].ndcg  # this policy serves nothing else
    assert (found["two towers"].ndcg_low, found["two towers"].ndcg_high) == (0, 0)
    ease = found["EASE"]
    assert 0 < ease.ndcg_low < ease.ndcg - found[SERVED].ndcg < ease.ndcg_high
    assert 0 < ease.hr_low < ease.hr - found[SERVED].hr < ease.hr_high
    assert all(one.queries == EVENTS.filter(pl.col("ts") >= TRAINED).height and one.milliseconds > 0 for one in found.values())


def test_costs_are_those_of_what_each_kind_needs(served: Snapshot) -> None:
    found = {kind.name: kind for kind in kinds(served)}
    assert {name: kind.training_seconds for name, kind in found.items()} == {
        SERVED: 10.5,
        "two towers": 7.0,
        "EASE": 2.0,
        "transitions": 1.0,
    }
    counted = found["transitions"].size
    assert (found["two towers"].size, found[SERVED].size) == (6_000, 6_500 + counted)
    assert found["EASE"].size > 0 < counted


def test_weights_of_the_blend_do_not_reach_a_kind_alone(served: Snapshot) -> None:
    """A blend may have no use for EASE, and much for popularity; neither says how good EASE alone is."""
    manifest = served.release.manifest
    config = {**manifest.config, "ease_weight": 0.0, "transition_weight": 0.0, "popularity_weight": 6.4}
    blended = replace(served, release=replace(served.release, manifest=manifest.model_copy(update={"config": config})))
    plain, other = (compare_kinds(kinds(one)[2:3], EVENTS, TRAINED, END)[0] for one in (served, blended))
    assert (plain.ndcg, plain.hr) == (other.ndcg, other.hr)


def test_the_table_has_a_row_for_each_kind(served: Snapshot) -> None:
    models = compare_kinds(kinds(served), EVENTS, TRAINED, END)
    table = models_table(Figures(judged="", popularity={}, models=models))
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["model", SERVED, "two towers", "EASE", "transitions"]
    assert f"{models[2].ndcg_low:+.4f} to {models[2].ndcg_high:+.4f}" in rows[3]
