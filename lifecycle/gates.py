"""The promotion gate: decides whether a release may become production. Pure, so the same input gives the same result."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.bundle import EXTENDS, FILES, Comparison, Manifest
from core.words import counted
from evaluation.ope.verdict import Answer
from lifecycle.counterfactual import Counterfactual

NDCG = "ndcg@10"
POPULARITY_NDCG = "popularity_ndcg@10"
LIFT_LOW = "lift_low"  # lower end of the interval of NDCG@10 minus popularity's
LIFT_HIGH = "lift_high"
COVERAGE = "coverage@10"
# lists, of some users, that behave wrongly (lifecycle.behaviour)
REPEATS = "behaviour_repeats"  # that have an item twice, or one that the user has consumed
SHORT = "behaviour_short"  # with fewer items than asked for although more are eligible
UNSTABLE = "behaviour_unstable"  # that differ when asked for again
HIDDEN = "behaviour_hidden"  # that have an item which is hidden
# what they are like together (lifecycle.balance); a figure that does not apply to a data set is missing
CROWDING = "behaviour_crowding"  # the largest share of lists that have the same item
POPULARITY_BIAS = "behaviour_popularity_bias"  # share of the lists less share of the events on the most popular tenth
STEADINESS = "behaviour_steadiness"  # share of a list that stays when one event of many is taken away
SEQUELS = "behaviour_sequels"  # share of the items that are farther from an original than its sequel


@dataclass(frozen=True)
class GateConfig:
    """How good a release has to be.

    `margin` is what a successor may lose: it protects nine tenths of production's accuracy with 97.5 % confidence. Where the
    newest events are too few for that, releases of the same data are compared by their twins' figures, with `tolerance`. What
    cannot be compared at all has not passed: a person who knows better promotes it with `--force`, and that is on record.
    """

    margin: float = 0.1  # of production's NDCG@10, by which the interval of the difference may reach below zero
    min_queries: int = 200  # of a comparison
    min_users: int = 20
    tolerance: float = 0.02  # relative NDCG@10 that a release may lose against production on the same data
    min_coverage: float = 0.01  # share of the catalogue that appears in somebody's top 10
    max_crowding: float = 0.9  # share of the lists that may have the same item
    max_popularity_bias: float = 0.6  # on the most popular tenth, either way
    min_steadiness: float = 0.4
    min_sequels: float = 0.6  # chance gives a half
    max_slowdown: float = 2.0  # of a list, against production's in the same run
    spare_milliseconds: float = 5.0  # by which it may be slower whatever production takes
    min_events: float = 0.8  # of the events that production was made from: fewer are a sign of lost data


@dataclass(frozen=True)
class GateCheck:
    """One question, its answer, and the figures it rests on."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class GateResult:
    """Every check, and whether all passed."""

    checks: tuple[GateCheck, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        return tuple(check for check in self.checks if not check.passed)

    def lines(self) -> list[str]:
        """The checks for people."""
        return [f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.detail}" for check in self.checks]


def check_gate(
    candidate: Manifest, production: Manifest | None, config: GateConfig, counterfactual: Counterfactual | None = None
) -> GateResult:
    """Judge a release by its manifest, and by what the logs said of it, where they were asked (`marquee ope --release`).

    `production` is None when there is none yet. A missing metric fails its check.
    """
    return GateResult(
        (
            _complete(candidate),
            _beats_popularity(candidate),
            _not_worse_than(production, candidate, config),
            _covers(candidate, config.min_coverage),
            _behaves(candidate),
            _balanced(candidate, config),
            _as_fast(production, candidate, config),
            _as_much_data(production, candidate, config.min_events),
            _not_worse_by_the_logs(counterfactual),
        )
    )


def _complete(candidate: Manifest) -> GateCheck:
    missing = [name for name in FILES if not candidate.files.get(name)]
    detail = f"missing: {', '.join(missing)}" if missing else f"all {len(FILES)} files"
    return GateCheck("the bundle is complete", not missing, detail)


def _beats_popularity(candidate: Manifest) -> GateCheck:
    model, popularity, low, high = (_metric(candidate, name) for name in (NDCG, POPULARITY_NDCG, LIFT_LOW, LIFT_HIGH))
    detail = f"NDCG@10 {model:.4f} against {popularity:.4f}; the difference lies in [{low:.4f}, {high:.4f}]"
    return GateCheck("it beats popularity", model > popularity and low > 0, detail)


def _not_worse_than(production: Manifest | None, candidate: Manifest, config: GateConfig) -> GateCheck:
    name = "it is not worse than production"
    if (nothing := _nothing_to_compare(production, candidate)) or production is None:
        return GateCheck(name, True, nothing)
    found = candidate.compared
    on_window = found is not None and found.production == production.release
    if found is not None and on_window and found.queries >= config.min_queries and found.users >= config.min_users:
        return _on_the_same_window(name, found, config)
    if production.data_version == candidate.data_version:
        return _on_the_same_data(name, production, candidate, config)
    if found is not None and on_window:
        seen = f"on {counted(found.queries, 'event')} of {counted(found.users, 'user')} that neither has seen"
        return GateCheck(name, False, f"cannot tell {seen}: {config.min_queries} of {config.min_users} users are needed")
    why = f"it was compared with {found.production}" if found else "it was not compared with any release"
    return GateCheck(name, False, f"not compared with {production.release}: {why}")


def _nothing_to_compare(production: Manifest | None, candidate: Manifest) -> str:
    """Why nothing has to be compared; empty where something has."""
    if production is None:
        return "there is no production release yet"
    if candidate.release == production.release:
        return "it is the production release"
    if candidate.config.get(EXTENDS) == production.release:
        return f"it is {production.release} with more items: nothing was learned anew"
    return ""


def _on_the_same_data(name: str, production: Manifest, candidate: Manifest, config: GateConfig) -> GateCheck:
    floor = _metric(production, NDCG) * (1 - config.tolerance)
    model = _metric(candidate, NDCG)
    # production's own figure may be missing: it passed the gate when it was promoted, so that does not block a successor
    passed = math.isnan(floor) or model >= floor
    return GateCheck(name, passed, f"NDCG@10 {model:.4f}; {production.release} less {config.tolerance:.0%} is {floor:.4f}")


def _on_the_same_window(name: str, found: Comparison, config: GateConfig) -> GateCheck:
    floor = -config.margin * found.production_ndcg
    detail = (
        f"NDCG@10 {found.ndcg:.4f} against {found.production_ndcg:.4f} on {found.queries:,} events of {found.users:,} users that "
        f"neither has seen; the difference lies in [{found.low:.4f}, {found.high:.4f}], at least {floor:.4f} is asked"
    )
    return GateCheck(name, found.low >= floor, detail)


def _behaves(candidate: Manifest) -> GateCheck:
    found = {name: _metric(candidate, name) for name in (REPEATS, SHORT, UNSTABLE)}
    found |= {HIDDEN: candidate.metrics[HIDDEN]} if HIDDEN in candidate.metrics else {}
    if all(math.isnan(value) for value in found.values()):
        return GateCheck("its lists behave", True, "not tested: it was built before there were these tests")
    detail = ", ".join(f"{value:.0f} {name.removeprefix('behaviour_')}" for name, value in found.items())
    return GateCheck("its lists behave", all(value == 0 for value in found.values()), detail)


def _balanced(candidate: Manifest, config: GateConfig) -> GateCheck:
    name, metrics = "its lists are balanced", candidate.metrics
    bounds = {
        CROWDING: ("one item in", 0.0, config.max_crowding),
        POPULARITY_BIAS: ("popularity bias", -config.max_popularity_bias, config.max_popularity_bias),
        STEADINESS: ("unchanged by a small change", config.min_steadiness, 1.0),
        SEQUELS: ("sequels nearer than", config.min_sequels, 1.0),
    }
    said = [
        f"{words} {metrics[figure]:.0%} ({low:.0%} to {high:.0%})" if figure in metrics else f"{words}: not applicable"
        for figure, (words, low, high) in bounds.items()
    ]
    passed = all(low <= metrics[figure] <= high for figure, (_, low, high) in bounds.items() if figure in metrics)
    return GateCheck(name, passed, "; ".join(said))


def _as_fast(production: Manifest | None, candidate: Manifest, config: GateConfig) -> GateCheck:
    name, found = "a list takes no longer than it may", candidate.compared
    if (nothing := _nothing_to_compare(production, candidate)) or production is None:
        return GateCheck(name, True, nothing)
    if found is None or found.production != production.release or not found.production_milliseconds:
        return GateCheck(name, False, f"not compared with {production.release}")
    limit = max(config.max_slowdown * found.production_milliseconds, found.production_milliseconds + config.spare_milliseconds)
    return GateCheck(name, found.milliseconds <= limit, f"{found.milliseconds:.1f} ms, at most {limit:.1f} ms")


def _as_much_data(production: Manifest | None, candidate: Manifest, share: float) -> GateCheck:
    name = "it was made from as much data"
    if (nothing := _nothing_to_compare(production, candidate)) or production is None:
        return GateCheck(name, True, nothing)
    if not production.n_events:  # made before events were counted: that blocks no successor
        return GateCheck(name, True, f"not applicable: {production.release} does not say from how many events it was made")
    floor = share * production.n_events
    return GateCheck(name, candidate.n_events >= floor, f"{candidate.n_events:,} events, at least {floor:,.0f}")


def _not_worse_by_the_logs(found: Counterfactual | None) -> GateCheck:
    """A release stays out that its users would have accepted less of; what the logs cannot tell keeps none out."""
    name = "it would not have been accepted less, by the logs"
    if found is None:
        return GateCheck(name, True, "not asked; `marquee ope --release VERSION` asks")
    return GateCheck(name, found.answer is not Answer.WORSE, found.why)


def _covers(candidate: Manifest, minimum: float) -> GateCheck:
    coverage = _metric(candidate, COVERAGE)
    return GateCheck(
        "it shows enough of the catalogue", coverage >= minimum, f"{coverage:.1%} in the top 10s; at least {minimum:.1%}"
    )


def _metric(manifest: Manifest, name: str) -> float:
    """NaN where it was not measured: every comparison with NaN is false, so the check fails."""
    return manifest.metrics.get(name, math.nan)
