"""Every estimator on one replay, its interval, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import Interval, bootstrap, empirical_bernstein
from evaluation.ope import slates
from evaluation.ope.doubly_robust import doubly_robust, mrdr_importance, shrunk, switched
from evaluation.ope.replay import Replayed
from evaluation.ope.reward_model import ModelConfig, RewardModel, fit
from evaluation.ope.support import Support, Unsupported, support_of
from evaluation.ope.verdict import PolicyVerdict, VerdictConfig, verdict
from evaluation.ope.weighting import clipped_ips, ips, snips

Floats = NDArray[np.float64]
DECIDES = "DR"  # of whole lists: it assumes nothing about how people read them, and is unbiased whatever the model
MIN_SLICE = 50  # lists; a smaller slice is left out


@dataclass(frozen=True)
class AnalysisConfig:
    """Where weights are cut, and what is asked of the verdict."""

    clip: float = 20.0  # of clipped IPS, and above which switch-DR trusts the model alone
    shrinkage: float = 400.0  # of DRos: no weight above half its root
    model: ModelConfig = field(default_factory=ModelConfig)
    verdict: VerdictConfig = field(default_factory=VerdictConfig)


@dataclass(frozen=True)
class Estimated:
    """What one estimator says the policy would earn a list."""

    name: str
    interval: Interval  # bootstrap over users
    bound: Interval | None = None  # empirical Bernstein: of clipped IPS, whose values have a known range


@dataclass(frozen=True)
class SliceGain:
    """The gain over the logs in a part of the lists; each with its own interval, so one in twenty errs."""

    name: str
    lists: int
    logged: float
    gain: Interval


@dataclass(frozen=True)
class Analysis:
    """What the logs say of a policy. `logged` is what was earned a list: the share of accepted lists."""

    logged: Interval
    estimates: tuple[Estimated, ...]
    not_defined: dict[str, str]  # estimators that these logs do not allow, and why
    slices: tuple[SliceGain, ...]
    support: Support
    verdict: PolicyVerdict
    weights: Floats  # [n] of whole lists


def analyse(found: Replayed, config: AnalysisConfig = AnalysisConfig()) -> Analysis:
    """Pure. The verdict rests on DECIDES alone; the others show what it depends on."""
    weights, rewards, users = slates.whole_list(found.evaluated / found.logged), found.rewards.sum(axis=1), found.users
    support = support_of(weights, found.evaluated, found.shown, users, config.clip, found.unseen, found.reproduced, found.stored)
    values, not_defined = _values(found, weights, rewards, config)
    level, draws = config.verdict.level, config.verdict.draws
    bound = empirical_bernstein(values["clipped IPS"], users, 0.0, config.clip, level)
    bound = replace(bound, high=min(bound.high, 1.0))  # no list is accepted more than once
    estimates = tuple(
        Estimated(name, bootstrap(one, users, draws, level), bound if name == "clipped IPS" else None)
        for name, one in values.items()
    )
    decisive = values.get(DECIDES, np.zeros(len(rewards)))
    answer = verdict(decisive, rewards, users, support, config.verdict)
    gains = _slices(found, decisive - rewards, rewards, config) if answer.gain is not None else ()
    return Analysis(bootstrap(rewards, users, draws, level), estimates, not_defined, gains, support, answer, weights)


def _values(
    found: Replayed, weights: Floats, rewards: Floats, config: AnalysisConfig
) -> tuple[dict[str, Floats], dict[str, str]]:
    """The values [n] of every estimator that these logs allow, and why they do not allow the others."""
    ratios = found.evaluated / found.logged
    makers: dict[str, Callable[[], Floats]] = {
        "IPS": lambda: ips(weights, rewards),
        "SNIPS": lambda: snips(weights, rewards),
        "clipped IPS": lambda: clipped_ips(weights, rewards, config.clip),
        "IIPS": lambda: slates.item_position_ips(ratios, found.rewards),
        "RIPS": lambda: slates.reward_interaction_ips(ratios, found.rewards),
    }
    if len(np.unique(found.users)) > 1:
        makers |= _modelled(found, weights, rewards, config)
    values, not_defined = {}, {}
    for name, make in makers.items():
        try:
            values[name] = make()
        except Unsupported as error:
            not_defined[name] = error.detail
    return values, not_defined


def _modelled(found: Replayed, weights: Floats, rewards: Floats, config: AnalysisConfig) -> dict[str, Callable[[], Floats]]:
    shown = found.features.sum(axis=1)
    model = fit(shown, found.expected, rewards, found.users, config.model)
    importance = mrdr_importance(weights, found.logged.prod(axis=1))
    robust = fit(shown, found.expected, rewards, found.users, config.model, importance)

    def values(used: Floats, by: str = "model") -> Callable[[], Floats]:
        one = robust if by == "robust" else model
        return lambda: doubly_robust(used, rewards, one.predicted, one.expected) + one.coefficient_error(used, rewards)

    return {
        "DM": values(np.zeros(len(weights))),
        "DR": values(weights),
        "switch-DR": values(switched(weights, config.clip)),
        "DRos": values(shrunk(weights, config.shrinkage)),
        "MRDR": values(weights, "robust"),
        "cascade-DR": lambda: slates.cascade_dr(
            found.evaluated / found.logged, found.rewards, _by_position(found, model), model.expected
        ),
    }


def _by_position(found: Replayed, model: RewardModel) -> Floats:
    """The model's reward of each position [n, K]; they sum to that of the list. What is the same for all lists is spread over the
    positions as the rewards are: left at one of them it would only add variance."""
    shown = found.shown[:, :, None]
    usual = np.where(shown, found.features, 0.0).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)
    parts = model.parts(np.where(shown, found.features - usual, 0.0))
    earned = found.rewards.sum(axis=0)
    shares = earned / earned.sum() if earned.any() else np.full(len(earned), 1.0 / max(len(earned), 1))
    return np.asarray(parts + (model.predicted - parts.sum(axis=1))[:, None] * shares)


def _slices(found: Replayed, gains: Floats, rewards: Floats, config: AnalysisConfig) -> tuple[SliceGain, ...]:
    out = []
    for title, labels in found.slices.items():
        for label in np.unique(labels):
            inside = labels == label
            if MIN_SLICE <= inside.sum() < len(labels):
                gain = bootstrap(gains[inside], found.users[inside], config.verdict.draws, config.verdict.level)
                out.append(SliceGain(f"{title}: {label}", int(inside.sum()), float(rewards[inside].mean()), gain))
    return tuple(out)
