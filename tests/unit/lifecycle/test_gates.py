"""The gate: each check alone decides, and a metric that is missing never passes."""

from __future__ import annotations

import pytest

from core.bundle import FILES, RANKER, Comparison, Manifest
from evaluation.ope.verdict import Answer
from lifecycle.counterfactual import TAG, Counterfactual, counterfactual_of
from lifecycle.gates import GateConfig, check_gate

BEHAVED = {"behaviour_repeats": 0.0, "behaviour_short": 0.0, "behaviour_unstable": 0.0, "behaviour_hidden": 0.0}
BALANCED = {
    "behaviour_crowding": 0.3,
    "behaviour_popularity_bias": 0.1,
    "behaviour_steadiness": 0.8,
    "behaviour_sequels": 0.9,
}
GOOD = {"ndcg@10": 0.10, "popularity_ndcg@10": 0.06, "lift_low": 0.02, "lift_high": 0.06, "coverage@10": 0.2} | BEHAVED | BALANCED
FEWER = "it was made from as much data"
WORSE, SLOWER = "it is not worse than production", "a list takes no longer than it may"
CONFIG = GateConfig(tolerance=0.05, min_coverage=0.1)


def manifest(metrics: dict[str, float], data: int = 3, files: tuple[str, ...] = FILES) -> Manifest:
    return Manifest(
        release="candidate", created="", code_version="", data_version={"interactions": data}, trained_until=0.0,
        feature_schema="", dim=4, n_items=5, metrics=metrics, config={}, files=dict.fromkeys(files, "digest"),
    )  # fmt: skip


def test_a_good_first_release_passes_every_check() -> None:
    verdict = check_gate(manifest(GOOD), None, CONFIG)
    assert verdict.passed
    assert verdict.failed == ()
    assert len(verdict.lines()) == len(verdict.checks) == 9
    assert all(line.startswith("pass") for line in verdict.lines())


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"ndcg@10": 0.06}, "it beats popularity"),
        ({"lift_low": 0.0}, "it beats popularity"),
        ({"lift_low": -0.001}, "it beats popularity"),
        ({"lift_low": float("nan")}, "it beats popularity"),
        *(({name: 1.0}, "its lists behave") for name in BEHAVED),
        ({"behaviour_short": float("nan")}, "its lists behave"),
        ({"behaviour_crowding": 0.91}, "its lists are balanced"),
        ({"behaviour_popularity_bias": 0.61}, "its lists are balanced"),
        ({"behaviour_popularity_bias": -0.61}, "its lists are balanced"),
        ({"behaviour_steadiness": 0.39}, "its lists are balanced"),
        ({"behaviour_sequels": 0.59}, "its lists are balanced"),
        ({"behaviour_sequels": float("nan")}, "its lists are balanced"),
        ({"coverage@10": 0.0999}, "it shows enough of the catalogue"),
        ({"coverage@10": float("nan")}, "it shows enough of the catalogue"),
    ],
    ids=str,
)
def test_one_bad_figure_fails_one_check(change: dict[str, float], failed: str) -> None:
    verdict = check_gate(manifest(GOOD | change), None, CONFIG)
    assert not verdict.passed
    assert [check.name for check in verdict.failed] == [failed]


@pytest.mark.parametrize("missing", BALANCED)
def test_what_a_data_set_says_nothing_about_is_not_applicable(missing: str) -> None:
    verdict = check_gate(manifest({name: value for name, value in GOOD.items() if name != missing}), None, CONFIG)
    assert verdict.passed
    assert sum("not applicable" in line for line in verdict.lines()) == 1


@pytest.mark.parametrize("missing", ["ndcg@10", "popularity_ndcg@10", "lift_low", "coverage@10"])
def test_a_missing_metric_fails(missing: str) -> None:
    assert not check_gate(manifest({name: value for name, value in GOOD.items() if name != missing}), None, CONFIG).passed


def test_an_incomplete_bundle_fails_and_names_the_file() -> None:
    verdict = check_gate(manifest(GOOD, files=tuple(name for name in FILES if name != RANKER)), None, CONFIG)
    assert [check.name for check in verdict.failed] == ["the bundle is complete"]
    assert RANKER in verdict.failed[0].detail


@pytest.mark.parametrize(("ndcg", "passed"), [(0.0951, True), (0.0949, False), (0.2, True)])
def test_on_the_same_data_it_may_lose_the_tolerance_and_no_more(ndcg: float, passed: bool) -> None:
    production = manifest({"ndcg@10": 0.1}).model_copy(update={"release": "now"})
    assert check_gate(timed(manifest(GOOD | {"ndcg@10": ndcg})), production, CONFIG).passed is passed


def test_production_itself_and_what_only_adds_items_to_it_have_nothing_to_compare() -> None:
    production = manifest(GOOD | {"ndcg@10": 0.9}, data=2)
    assert check_gate(manifest(GOOD), production, CONFIG).passed
    before = production.model_copy(update={"release": "now", "n_events": 1000})
    longer = manifest(GOOD).model_copy(update={"config": {"extends": "now"}, "n_events": 1000})
    assert check_gate(longer, before, CONFIG).passed
    assert not check_gate(longer, before.model_copy(update={"release": "another"}), CONFIG).passed


def test_on_other_data_figures_are_not_compared_and_that_is_not_passed() -> None:
    production = manifest({"ndcg@10": 0.01}, data=3).model_copy(update={"release": "now"})
    verdict = check_gate(manifest(GOOD, data=4), production, CONFIG)
    assert [check.name for check in verdict.failed] == [WORSE, SLOWER]
    assert all("not compared with now" in check.detail for check in verdict.failed)


def test_a_production_release_without_the_figure_does_not_block_its_successor() -> None:
    assert check_gate(timed(manifest(GOOD)), manifest({}).model_copy(update={"release": "now"}), CONFIG).passed


def compared(production: str = "now", **changes: float) -> Comparison:
    figures = {"start": 0.0, "end": 1.0, "ndcg": 0.11, "production_ndcg": 0.1, "low": -0.005, "high": 0.02}
    figures |= {"queries": 500, "users": 50, "milliseconds": 8.0, "production_milliseconds": 7.0}
    return Comparison.model_validate(figures | changes | {"production": production})


def timed(candidate: Manifest) -> Manifest:
    """Built when there were no events later than production's: nothing was predicted, but lists were timed."""
    return candidate.model_copy(update={"compared": compared(queries=0, users=0)})


def beside(found: Comparison | None, n_events: int = 1000) -> list[str]:
    """The names of the checks that fail for a good release that was compared like this, beside production on other data."""
    production = manifest({"ndcg@10": 0.1}, data=2).model_copy(update={"release": "now", "n_events": 1000})
    candidate = manifest(GOOD).model_copy(update={"compared": found, "n_events": n_events})
    return [check.name for check in check_gate(candidate, production, CONFIG).failed]


@pytest.mark.parametrize(("low", "failed"), [(0.03, []), (-0.0099, []), (-0.0101, [WORSE]), (float("nan"), [WORSE])])
def test_on_the_same_window_the_interval_may_reach_the_margin_and_no_further(low: float, failed: list[str]) -> None:
    assert beside(compared(low=low)) == failed


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        (None, [WORSE, SLOWER]),
        (compared("another"), [WORSE, SLOWER]),
        (compared(queries=199), [WORSE]),
        (compared(users=19), [WORSE]),
        (compared(production_milliseconds=0.0), [SLOWER]),
    ],
)
def test_what_was_not_compared_has_not_passed(found: Comparison | None, failed: list[str]) -> None:
    assert beside(found) == failed


@pytest.mark.parametrize(("took", "failed"), [(13.9, []), (14.1, [SLOWER])])
def test_a_list_may_take_twice_as_long_and_no_longer(took: float, failed: list[str]) -> None:
    assert beside(compared(milliseconds=took)) == failed


@pytest.mark.parametrize(("n_events", "failed"), [(0, [FEWER]), (800, []), (799, [FEWER])])
def test_a_release_of_much_less_data_stays_out(n_events: int, failed: list[str]) -> None:
    assert beside(compared(), n_events=n_events) == failed


def test_a_release_of_before_there_were_behavioural_tests_is_not_refused_for_them() -> None:
    assert check_gate(manifest({name: value for name, value in GOOD.items() if name not in BEHAVED}), None, CONFIG).passed


@pytest.mark.parametrize(("answer", "passes"), [("better", True), ("cannot tell", True), ("worse", False)])
def test_what_the_logs_say_keeps_out_only_what_is_worse(answer: str, passes: bool) -> None:
    said = Counterfactual(answer=Answer(answer), why=f"{answer}: so they say", policy="abc", at=1.7e9)
    verdict = check_gate(manifest(GOOD), None, CONFIG, counterfactual_of({TAG: said.model_dump_json()}))
    assert verdict.passed is passes
    [check] = [one for one in verdict.checks if "by the logs" in one.name]
    assert (check.passed, check.detail) == (passes, f"{answer}: so they say")


def test_logs_that_nobody_asked_keep_nothing_out() -> None:
    assert counterfactual_of({}) is None
    assert counterfactual_of({TAG: "somebody wrote this"}) is None
    [check] = [one for one in check_gate(manifest(GOOD), None, CONFIG).checks if "by the logs" in one.name]
    assert check.passed
    assert "not asked" in check.detail
