"""What exploration finds and what it costs, where the truth is known: policies on one simulated world with new items.

    python benchmarks/exploration.py

A world of 400 known films and 12 new ones (`evaluation.simulation`). The order of a list knows a user's taste and every known
film's appeal, with noise; of a new film it knows the content alone. Once the exploration of a new film has ended it is judged by
its impressions and answers, and from then on its score has the appeal that these say. A new film is good if its true acceptance
is above the mean of the new ones, and recognised if its rate is. Visits, users and choices are the same for every policy; the
last third of the visits says what a policy gets in the end. Shown are means over seeds, regret with a 95 % interval over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import record
from numpy.typing import NDArray

from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.world import WorldConfig, made_up
from ranking.linear_bandit import CONTEXT, BanditConfig, LinearBandit, contexts_of
from ranking.policies import ensemble, epsilon, greedy, plackett_luce
from ranking.policies.choice import Choice
from ranking.policies.impression_budget import is_decided
from ranking.policies.new_items import NOTHING_NEW, NewItems

KNOWN, NEW, USERS, VISITS, K, POOL = 400, 12, 200, 6_000, 10, 50
FIGURES = ("impressions", "found", "wrong")
SEEDS = (1, 2, 3, 4)
T = 3.18  # 97.5 % point of Student's t with three degrees of freedom
Floats = NDArray[np.float32]
Choose = Callable[[Floats, int, NewItems], Choice]
Done = Callable[[Floats, Floats, float], NDArray[np.bool_]]


@dataclass(frozen=True)
class Outcome:
    """Of one policy on one world."""

    accepted: float  # share of the visits in which something was taken
    accepted_later: float  # in the last third
    shown_new: float  # positions that went to new films, per list
    ended: float  # new films whose exploration ended
    found: float  # good ones that were recognised as such, of the good ones
    wrong: float  # others that were taken for good, of the others
    impressions: float  # of a new film until its exploration ended, on average


class Town:
    """The world, what the order of lists knows of it, and the truth."""

    def __init__(self, seed: int) -> None:
        self.world = made_up(KNOWN + NEW, WorldConfig(seed=seed, cold_items=0.0, trend=0.0, popularity=1.0, taste=2.0))
        self.choice = ChoiceModel(nothing=4.0)
        rng, users = np.random.default_rng(seed), np.arange(USERS)
        self.taste = 2.0 * self.world.tastes(users, 0.0) @ self.world.items.T
        appeal = self.world.appeal(0.0)
        self.new = rng.permutation(KNOWN + NEW)[:NEW]
        guess = appeal + rng.normal(size=len(appeal), scale=0.3)
        guess[self.new] = guess.min()  # content says nothing about how well it will be received
        self.noise = rng.normal(size=self.taste.shape, scale=0.5)
        self.guess, self.appeal = guess.astype(np.float32), appeal
        top = np.exp(self.taste + appeal)
        self.truth = (top / (top + np.exp(4.0))).mean(axis=0)  # acceptance at the top of a list, over all users
        self.good = self.truth[self.new] > self.truth[self.new].mean()


def run(town: Town, choose: Choose, done: Done, explores: bool, learn: bool = False) -> Outcome:
    n, rng = KNOWN + NEW, np.random.default_rng(99)
    shown, accepted, guess = np.zeros(n, np.float32), np.zeros(n, np.float32), town.guess.copy()
    is_new, judged, recognised = np.isin(np.arange(n), town.new), np.zeros(n, bool), np.zeros(n, bool)
    visitors, luck, taken, new_positions = rng.integers(0, USERS, VISITS), rng.random(VISITS), [], 0
    bandit = LinearBandit(BanditConfig(max_step=0.2)) if learn else None
    posterior = bandit.posterior() if bandit else None
    for visit, (user, coin) in enumerate(zip(visitors.tolist(), luck.tolist(), strict=True)):
        if visit % 50 == 0:
            usual = float(accepted[is_new].sum() / max(shown[is_new].sum(), 1.0))  # of new films, which stand anywhere in lists
            for row in np.flatnonzero(is_new & ~judged & done(shown, accepted, usual)):
                judged[row] = True
                recognised[row] = accepted[row] > usual * shown[row]
                rate = (accepted[row] + 20 * usual) / (shown[row] + 20)  # shrunk by twenty impressions
                guess[row] = np.median(town.guess[~is_new]) + np.log(max(rate, 1e-4) / max(usual, 1e-4))
        scores = (town.taste[user] + guess + town.noise[user]).astype(np.float32)
        waiting = np.flatnonzero(is_new & ~judged)[:20]
        fit = town.taste[user, waiting]
        weights = np.exp(np.clip((fit - fit.mean()) / max(float(fit.std()), 1e-9), -2, 2)) if len(fit) else fit
        new = NewItems(waiting, weights.astype(np.float64), 1.0) if explores and len(waiting) else NOTHING_NEW
        if bandit is not None and posterior is not None:
            features = np.column_stack([guess, town.taste[user]]).astype(np.float32)
            contexts = contexts_of(scores, features, (CONTEXT[1], CONTEXT[4]), POOL)
            votes = posterior.thompson(contexts, 100, 1.0)
            rows = ensemble.choose(scores, K, votes, 0.05, POOL, visit, share(new, 0.05)).index
        else:
            rows = choose(scores, visit, new).index
        reached = np.cumsum(_probabilities(town, user, rows))
        at = int(np.searchsorted(reached, coin, side="right"))
        shown[rows[~judged[rows]]] += 1  # while it is explored
        new_positions += int(is_new[rows].sum())
        taken.append(at < K)
        if at < K and not judged[rows[at]]:
            accepted[rows[at]] += 1
        if bandit is not None:
            place = {row: k for k, row in enumerate(np.argsort(-scores, kind="stable")[:POOL].tolist())}
            inside = [k for k, row in enumerate(rows.tolist()) if row in place]
            bandit.learn(contexts[[place[int(rows[k])] for k in inside]], np.array([float(k == at) for k in inside]))
            posterior = bandit.posterior() if visit % 50 == 49 else posterior
    good, ended = town.good, judged[town.new]
    return Outcome(
        accepted=float(np.mean(taken)),
        accepted_later=float(np.mean(taken[2 * VISITS // 3 :])),
        shown_new=new_positions / VISITS,
        ended=float(ended.sum()),
        found=float(recognised[town.new][good].mean()),
        wrong=float(recognised[town.new][~good].mean()),
        impressions=float(shown[town.new][ended].mean()) if ended.any() else 0.0,
    )


def _probabilities(town: Town, user: int, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """As `ChoiceModel.probabilities`, from the utilities that the town has already."""
    weights = town.choice.examined(len(rows)) * np.exp(town.taste[user, rows] + town.appeal[rows])
    return np.asarray(weights / (weights.sum() + np.exp(town.choice.nothing)))


def share(new: NewItems, share_: float) -> NewItems:
    return NewItems(new.index, new.weights, share_)


def epsilon_at(rate: float, slots: tuple[int, ...] | None = None) -> Choose:
    return lambda scores, seed, new: epsilon.choose(scores, K, rate, POOL, seed, share(new, 0.5), slots)


def fixed(budget: int) -> Done:
    return lambda shown, _accepted, _mean: shown >= budget


def decided(budget: int) -> Done:
    return lambda shown, accepted, mean: (shown >= budget) | is_decided(shown, accepted, mean, 0.8, 20)


POLICIES: dict[str, tuple[Choose, Done, bool, bool]] = {
    "greedy": (lambda scores, _seed, _new: greedy.choose(scores, K), fixed(100), False, False),
    "epsilon .1, no new items": (epsilon_at(0.1), fixed(100), False, False),
    "epsilon .1, budget 100": (epsilon_at(0.1), fixed(100), True, False),
    "epsilon .1, decided": (epsilon_at(0.1), decided(150), True, False),
    "epsilon .5 in slots 4 and 9, decided": (epsilon_at(0.5, (4, 9)), decided(150), True, False),
    "plackett-luce .1, decided": (
        lambda scores, seed, new: plackett_luce.choose(scores, K, 0.1, POOL, seed, share(new, 0.05)),
        decided(150),
        True,
        False,
    ),
    "thompson, decided": (epsilon_at(0.0), decided(150), True, True),
}
RULES: dict[str, Done] = {
    "budget 50": fixed(50),
    "budget 100": fixed(100),
    "budget 200": fixed(200),
    "decided, at most 150": decided(150),
    "decided, at most 200": decided(200),
}


def rule_figures(done: Done, mean: float, films: int = 20_000) -> tuple[float, float, float]:
    """Of a rule by itself, for films whose acceptance is lognormal around `mean`: impressions, found, and taken for good."""
    rng = np.random.default_rng(0)
    truth = np.minimum(mean * np.exp(rng.normal(-0.245, 0.7, films)), 0.9)
    shown, accepted, open_ = np.zeros(films, np.float32), np.zeros(films, np.float32), np.ones(films, bool)
    while open_.any():
        shown[open_] += 1
        accepted[open_] += rng.random(int(open_.sum())) < truth[open_]
        open_ &= ~done(shown, accepted, float(truth.mean()))
    good, taken = truth > truth.mean(), accepted > truth.mean() * shown
    return float(shown.mean()), float(taken[good].mean()), float(taken[~good].mean())


def main() -> None:
    metrics: dict[str, float] = {}
    for mean in (0.02, 0.05):
        for name, done in RULES.items():
            impressions, right, wrong = rule_figures(done, mean)
            print(f"acceptance {mean}, {name:22} impressions {impressions:5.1f}  found {right:.3f}  wrong {wrong:.3f}")
            metrics |= {
                f"rule at {mean}, {name} {key}": value for key, value in zip(FIGURES, (impressions, right, wrong), strict=True)
            }
    towns = [Town(seed) for seed in SEEDS]
    print(f"{sum(town.good.sum() for town in towns) / len(towns):.0f} of {NEW} new films are good, on average")
    control: NDArray[np.float64] | None = None
    for name, (choose, done, explores, learn) in POLICIES.items():
        found = [run(town, choose, done, explores, learn) for town in towns]
        table = {key: np.array([getattr(one, key) for one in found]) for key in Outcome.__dataclass_fields__}
        control = table["accepted"] if control is None else control
        regret = control - table["accepted"]
        margin = T * regret.std(ddof=1) / np.sqrt(len(SEEDS))
        means = {key: float(values.mean()) for key, values in table.items()}
        print(f"{name:32} regret {regret.mean():+.4f} ± {margin:.4f}  " + "  ".join(f"{k} {v:.3f}" for k, v in means.items()))
        metrics |= {f"{name} {key}": value for key, value in means.items()}
        metrics |= {f"{name} regret": float(regret.mean()), f"{name} regret ±": float(margin)}
    record.write("exploration", "simulated", metrics, SEEDS)


if __name__ == "__main__":
    main()
