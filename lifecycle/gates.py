"""The promotion gate: decides whether a release may become production. Pure, so the same input gives the same result."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.bundle import FILES, Manifest

NDCG = "ndcg@10"
POPULARITY_NDCG = "popularity_ndcg@10"
LIFT_LOW = "lift_low"  # lower end of the interval of NDCG@10 minus popularity's
LIFT_HIGH = "lift_high"
COVERAGE = "coverage@10"


@dataclass(frozen=True)
class GateConfig:
    """How good a release has to be."""

    tolerance: float = 0.02  # relative NDCG@10 that a release may lose against production on the same data
    min_coverage: float = 0.01  # share of the catalogue that appears in somebody's top 10


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


def check_gate(candidate: Manifest, production: Manifest | None, config: GateConfig) -> GateResult:
    """Judge a release by its manifest; `production` is None when there is none yet. A missing metric fails its check."""
    return GateResult(
        (
            _complete(candidate),
            _beats_popularity(candidate),
            _not_worse_than(production, candidate, config.tolerance),
            _covers(candidate, config.min_coverage),
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


def _not_worse_than(production: Manifest | None, candidate: Manifest, tolerance: float) -> GateCheck:
    name = "it is not worse than production"
    if production is None:
        return GateCheck(name, True, "there is no production release yet")
    if production.data_version != candidate.data_version:
        detail = f"not compared: {production.release} saw data {production.data_version}, this one {candidate.data_version}"
        return GateCheck(name, True, detail)
    floor = _metric(production, NDCG) * (1 - tolerance)
    model = _metric(candidate, NDCG)
    # production's own figure may be missing: it passed the gate when it was promoted, so that does not block a successor
    passed = math.isnan(floor) or model >= floor
    return GateCheck(name, passed, f"NDCG@10 {model:.4f}; {production.release} less {tolerance:.0%} is {floor:.4f}")


def _covers(candidate: Manifest, minimum: float) -> GateCheck:
    coverage = _metric(candidate, COVERAGE)
    return GateCheck(
        "it shows enough of the catalogue", coverage >= minimum, f"{coverage:.1%} in the top 10s; at least {minimum:.1%}"
    )


def _metric(manifest: Manifest, name: str) -> float:
    """NaN where it was not measured: every comparison with NaN is false, so the check fails."""
    return manifest.metrics.get(name, math.nan)
