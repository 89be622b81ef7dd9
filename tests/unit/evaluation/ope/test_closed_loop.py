"""A world with known truth: logs of an exploring policy are replayed, and what is said of another one is what it then earns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from small_world import DAY, MIDNIGHT, PAST, SIZE, logs, policy, snapshot, truth

from core.errors import MarqueeError
from core.ids import FIRST_ITEM_KEY, user_key
from evaluation.ope.analysis import AnalysisConfig, analyse
from evaluation.ope.logs import LATER_PAGE, NOT_DRAWN, UNANSWERABLE, LoggedLists, logged_lists, requests
from evaluation.ope.replay import GONE, LogReplay, Replayed
from evaluation.ope.support import SupportConfig, Unsupported
from evaluation.ope.verdict import Answer, VerdictConfig
from evaluation.simulation.shown_lists import ShownLists
from recommender.policy import Policy

LATER = MIDNIGHT + 3 * DAY
NOW, LOGGING = snapshot(), policy(0.6)
EASY = AnalysisConfig(verdict=VerdictConfig(support=SupportConfig(min_effective=50.0, max_weight_share=0.2), draws=500))


def replayed(shown: ShownLists, evaluated: Policy, logging: Policy | None = LOGGING) -> Replayed:
    lists = logged_lists(shown.impressions, shown.interactions, LATER).lists
    known = {logging.id: logging} if logging else {}
    seen = shown.impressions.select("item_id", "ts")
    return LogReplay(shown.interactions, seen, lambda name: NOW if name == NOW.name else None, known).run(lists, evaluated)


SHOWN = logs(NOW, LOGGING, 800, 250)


def test_the_logging_policy_is_replayed_exactly_and_earns_what_it_earned() -> None:
    found = replayed(SHOWN, LOGGING)
    assert (found.reproduced, found.unseen) == (1.0, 0.0)
    np.testing.assert_allclose(found.evaluated, found.logged, rtol=1e-6)
    assert found.shown.all()
    assert found.rewards.shape == (250, SIZE)
    answered = len(SHOWN.interactions) - len(PAST)
    assert found.rewards.sum() == answered
    said = analyse(found, EASY)
    plain = {one.name: one.interval.mean for one in said.estimates if one.name in ("IPS", "SNIPS", "clipped IPS", "IIPS", "RIPS")}
    assert list(plain.values()) == pytest.approx([answered / 250] * 5)
    others = {one.name: one.interval.mean for one in said.estimates if one.name not in plain}
    assert list(others.values()) == pytest.approx([answered / 250] * len(others), abs=0.02)
    assert said.verdict.answer is Answer.CANNOT_TELL


@pytest.mark.slow
def test_what_is_said_of_a_policy_is_what_it_then_earns() -> None:
    """Four logs, two policies each: the interval brackets the truth, and no verdict is wrong, at the nominal rate."""
    worse, better = policy(0.95), policy(0.3)
    earned = {one.id: truth(NOW, one, 800, 300, runs=1) for one in (LOGGING, worse, better)}
    assert earned[worse.id] < earned[LOGGING.id] < earned[better.id]
    bracketed = wrong = 0
    for run in range(4):
        shown = logs(NOW, LOGGING, 2000 + 205 * run, 205, seed=run)
        for one, right in ((worse, Answer.WORSE), (better, Answer.BETTER)):
            said = analyse(replayed(shown, one), EASY)
            decides = next(estimate.interval for estimate in said.estimates if estimate.name == "DR")
            bracketed += decides.low <= earned[one.id] <= decides.high
            wrong += said.verdict.answer not in (right, Answer.CANNOT_TELL)
    assert bracketed >= 6, "of 8 intervals of 95 %: three misses are one in two hundred"
    assert wrong <= 1


@pytest.mark.parametrize("with_facts", [True, False])
def test_films_without_titles_are_replayed_as_well(with_facts: bool) -> None:
    now = snapshot(with_facts)
    shown = logs(now, LOGGING, 800, 20)
    lists = logged_lists(shown.impressions, shown.interactions, LATER).lists
    found = LogReplay(shown.interactions, shown.impressions, lambda _: now, {LOGGING.id: LOGGING}).run(lists, policy(0.2))
    assert found.reproduced == 1.0


def test_greedy_logs_say_nothing_about_what_they_never_showed() -> None:
    greedy = policy(0.0)
    said = analyse(replayed(logs(NOW, greedy, 800, 220), policy(0.5), greedy))
    assert said.support.unseen is not None
    assert said.support.unseen > 0.5
    assert (said.verdict.answer, said.verdict.gain, said.slices) == (Answer.CANNOT_TELL, None, ())
    assert "never shows what this policy would show" in said.verdict.why


def test_a_policy_that_would_have_shown_none_of_it_is_refused() -> None:
    """One that recommends the unpopular half: here the popular source alone, of films nobody was shown."""
    other = policy(0.2, pool=3, source=[{"part": "popular", "k": 5}])
    said = analyse(replayed(SHOWN, other))
    assert said.support.impossible > 0.5
    assert said.verdict.answer is Answer.CANNOT_TELL
    assert said.verdict.gain is None
    assert said.verdict.more_impressions is None


def test_the_gains_of_slices_make_up_the_whole_gain() -> None:
    found = replayed(SHOWN, policy(0.5))
    labels = np.array(["first"] * 100 + ["second"] * 120 + ["too few"] * 30)
    said = analyse(replace(found, slices={"part": labels, "all alike": np.array(["one"] * 250)}), EASY)
    assert [(one.name, one.lists) for one in said.slices] == [("part: first", 100), ("part: second", 120)]
    whole = analyse(replace(found, slices={"part": np.repeat(["a", "b"], 125)}), EASY)
    assert whole.verdict.gain is not None
    assert np.mean([one.gain.mean for one in whole.slices]) == pytest.approx(whole.verdict.gain.mean)
    assert np.mean([one.logged for one in whole.slices]) == pytest.approx(found.rewards.sum() / 250)


def test_thin_support_is_said_with_what_it_would_take() -> None:
    config = replace(EASY, verdict=replace(EASY.verdict, support=SupportConfig(min_effective=10_000.0)))
    said = analyse(replayed(SHOWN, policy(0.5)), config)
    assert "effective sample size" in said.verdict.why
    assert said.verdict.more_impressions is not None
    assert said.verdict.more_impressions > 10 * said.support.impressions


def test_a_replay_that_sees_something_else_is_refused() -> None:
    """Logged with other propensities than this release and this policy have, as after online learning."""
    moved = replace(SHOWN, impressions=SHOWN.impressions.with_columns(pl.col("propensity") * 0.9))
    said = analyse(replayed(moved, policy(0.5)), EASY)
    assert said.support.reproduced == 0.0
    assert "reproduced lists" in said.verdict.why
    unknown = replayed(SHOWN, policy(0.5), logging=None)
    assert (unknown.reproduced, unknown.unseen) == (None, None)


def test_what_is_left_out_is_counted() -> None:
    def lists(impressions: pl.DataFrame, now: float = LATER, **options: int) -> LoggedLists:
        return logged_lists(impressions, SHOWN.interactions, now, **options)

    everything = lists(SHOWN.impressions)
    assert (len(everything.lists), everything.left_out) == (250, {})
    later = SHOWN.impressions.with_columns(pl.col("position") + pl.when(pl.col("ts") > MIDNIGHT).then(SIZE).otherwise(0))
    assert lists(later).left_out == {LATER_PAGE: 249}
    assert lists(SHOWN.impressions, now=MIDNIGHT + DAY).left_out == {UNANSWERABLE: 249}
    drawn = lists(SHOWN.impressions, max_lists=40)
    assert (len(drawn.lists), drawn.left_out) == (40, {NOT_DRAWN: 210})
    assert [one.ts for one in drawn.lists] == sorted(one.ts for one in drawn.lists)
    gone = LogReplay(SHOWN.interactions, SHOWN.impressions, lambda _: None, {}).run(everything.lists, LOGGING)
    assert gone.left_out == {GONE: 250}
    assert analyse(gone).verdict.gain is None


@pytest.mark.parametrize("missing", [None, 0.0])
def test_logs_without_propensities_are_refused(missing: float | None) -> None:
    without = SHOWN.impressions.with_columns(pl.lit(missing, pl.Float64).alias("propensity"))
    with pytest.raises(Unsupported, match="1,000 of 1,000 impressions have no propensity") as refused:
        logged_lists(without, SHOWN.interactions, LATER)
    assert isinstance(refused.value, MarqueeError)


def test_only_the_topmost_answer_counts() -> None:
    first = SHOWN.impressions.filter(pl.col("request_id") == SHOWN.impressions["request_id"][0])
    answers = (
        SHOWN.interactions.tail(1)
        .drop("item_id", "request_id", "user_id", "ts")
        .join(first.select("item_id", "request_id", "user_id", "ts").gather([1, 3]), how="cross")
    )
    [one] = logged_lists(first, answers.select(SHOWN.interactions.columns), LATER).lists
    assert one.rewards.tolist() == [0, 1, 0, 0]


def test_ids_that_are_strings_keep_their_keys() -> None:
    """Keys of 54 and 63 bits, which a float would round."""
    items, user = [FIRST_ITEM_KEY + 1, FIRST_ITEM_KEY + 2], user_key("ann@example.org")
    columns = {"request_id": ["r", "r"], "user_id": [user, user], "item_id": items, "ts": [MIDNIGHT, MIDNIGHT]}
    impressions = pl.DataFrame(
        columns
        | {"position": [0, 1], "propensity": [0.5, 1.0], "policy": ["p"] * 2, "model_version": ["m"] * 2, "label": [None] * 2}
    )
    answer = {
        "request_id": ["r"],
        "user_id": [user],
        "item_id": items[1:],
        "kind": ["click"],
        "value": [None],
        "ts": [MIDNIGHT + 5],
    }
    [one] = logged_lists(impressions, pl.DataFrame(answer), LATER).lists
    assert (one.user_id, one.items.tolist(), one.rewards.tolist()) == (user, items, [0.0, 1.0])
    past = {"user_id": [user], "item_id": items[:1], "kind": ["click"], "value": [None], "ts": [MIDNIGHT - 5]}
    [query] = requests((one,), pl.DataFrame(past, schema_overrides={"value": pl.Float64}), NOW.catalogue)
    assert query.user is not None
    assert (query.user_id, query.user.item_ids.tolist()) == (user, items[:1])


def test_a_request_knows_what_its_user_did_before_it_and_nothing_later() -> None:
    lists = logged_lists(SHOWN.impressions, SHOWN.interactions, LATER).lists
    for one, query in zip(lists, requests(lists, SHOWN.interactions, NOW.catalogue, {7: ("age:30",)}), strict=True):
        before = SHOWN.interactions.filter((pl.col("user_id") == one.user_id) & (pl.col("ts") < one.ts))
        assert (query.user.n_events if query.user else 0) == len(before)
        assert query.seed == int(one.request_id[:16], 16)
        if one.user_id == 7:
            assert query.user is not None
            assert query.user.profile == ("age:30",)


def test_a_list_with_what_a_slot_placed_is_left_out_and_counted() -> None:
    placed = SHOWN.impressions["request_id"][0]
    first = (pl.col("request_id") == placed) & (pl.col("position") == 1)
    impressions = SHOWN.impressions.with_columns(pl.when(first).then(pl.lit("promoted")).alias("label"))
    found = logged_lists(impressions, SHOWN.interactions, LATER)
    assert found.left_out == {"a slot placed one of its items": 1}
    assert placed not in {one.request_id for one in found.lists}
