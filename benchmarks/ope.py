"""What is said of a policy from another one's logs, beside what it then earns: the closed loop of counterfactual evaluation.

    python benchmarks/ope.py --lists 800 --logs 4

A simulated world whose users choose with known probabilities is shown lists of three by an exploring policy, `--logs` times with
other visitors. From each log every candidate is judged as `marquee ope` does it; then it is run, and earns the mean of the true
chances of its lists. Printed are, for each candidate and over the logs, what it earns, what each estimator says on average, how
often the interval has the truth in it (of the logs that support an estimate), and the verdicts. The release knows films and
tastes as they are: what is measured is the evaluation, not a model.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import record
from numpy.typing import NDArray

from core import columns as c
from core.bundle import Manifest
from core.catalogue import Catalogue
from core.features import UserFeatures
from evaluation.ope.analysis import DECIDES, AnalysisConfig, analyse
from evaluation.ope.logs import logged_lists
from evaluation.ope.replay import LogReplay
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.choice import ChoiceModel
from evaluation.simulation.shown_lists import ShownLists, past_events, show
from evaluation.simulation.simulation import Simulation
from evaluation.simulation.world import WorldConfig, made_up
from feature_repo.item_stats import item_stats
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex

DAY, SIZE, FILMS = 86_400.0, 3, 200
MIDNIGHT = 19_675 * DAY
LOGGING = 0.5
REFUSED = "refused"  # the logs do not support an estimate
CANDIDATES = {"explores less (0.3)": 0.3, "explores a little (0.1)": 0.1, "explores more (0.7)": 0.7}
PEOPLE = Simulation(
    made_up(FILMS, WorldConfig(dims=8, cold_items=0.0)),
    Arrivals(400, cold=0.0, known=1.0),
    ChoiceModel(position=0.5, nothing=3.0),
)


class TasteEncoder:
    """Knows every user's taste."""

    def encode_many(self, users: Sequence[UserFeatures]) -> NDArray[np.float32]:
        return PEOPLE.world.tastes([user.user_id for user in users], 0.0)

    def moved(self, vectors: NDArray[np.float32]) -> TasteEncoder:  # noqa: ARG002
        return self


def policy(epsilon: float) -> Policy:
    part = {"part": "epsilon", "epsilon": epsilon, "pool": 60}
    sources = [{"part": "two_tower", "k": 100}, {"part": "popular", "k": 50}]
    return Policy.of(
        {
            "name": f"{epsilon:g}",
            "source": sources,
            "filter": [{"part": "seen"}],
            "scorer": [{"part": "retrieval"}],
            "selector": part,
        },
        "benchmark",
    )


def snapshot(past: pl.DataFrame) -> Snapshot:
    world = PEOPLE.world
    items = {c.ITEM: world.item_ids, c.TITLE: [f"Film {one}" for one in world.item_ids.tolist()]}
    catalogue = Catalogue.from_frame(pl.DataFrame(items).with_columns(genres=pl.lit([], pl.List(pl.String)), year=None))
    manifest = Manifest(
        release="world", created="", code_version="", data_version={}, trained_until=MIDNIGHT, feature_schema="", dim=8,
        n_items=FILMS, metrics={}, config={"scorer": "retrieval"}, files={},
    )  # fmt: skip
    encoder: Any = TasteEncoder()
    stats = item_stats(past, catalogue, MIDNIGHT)
    index = MirrorIndex()
    index.publish("world", catalogue.ids, world.items)
    return Snapshot.of(Release(Path(), manifest, catalogue, stats, world.items, encoder, None), index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=800)
    parser.add_argument("--logs", type=int, default=4)
    given = parser.parse_args()

    def visits(first: int, count: int) -> list[Any]:
        return [PEOPLE.arrivals.visit(number) for number in range(first, first + count)]

    past = past_events(PEOPLE, visits(0, 2000), MIDNIGHT - 20 * DAY, 600.0)
    now, logging = snapshot(past), policy(LOGGING)

    def shown(made_by: Policy, first: int, count: int, seed: int) -> ShownLists:
        return show(PEOPLE, now, made_by, past, visits(first, count), SIZE, MIDNIGHT, 0.9 * DAY / count, seed)

    truth = {name: float(shown(policy(rate), 2000, given.lists, 99).chances.mean()) for name, rate in CANDIDATES.items()}
    said: dict[str, dict[str, list[float]]] = {name: {} for name in CANDIDATES}
    covered: Counter[tuple[str, str]] = Counter()
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in CANDIDATES}
    began, replayed = time.perf_counter(), 0.0
    for run in range(given.logs):
        log = shown(logging, 10_000 + run * given.lists, given.lists, run)
        lists = logged_lists(log.impressions, log.interactions, MIDNIGHT + 9 * DAY).lists
        replay = LogReplay(log.interactions, log.impressions.select(c.ITEM, c.TS), lambda _: now, {logging.id: logging})
        for name, rate in CANDIDATES.items():
            start = time.perf_counter()
            found = analyse(replay.run(lists, policy(rate)), AnalysisConfig())
            replayed += time.perf_counter() - start
            verdicts[name][found.verdict.answer.value if found.verdict.gain else REFUSED] += 1
            for one in found.estimates if found.verdict.gain else ():
                said[name].setdefault(one.name, []).append(one.interval.mean)
                covered[name, one.name] += one.interval.low <= truth[name] <= one.interval.high
    _tell(given.logs, truth, said, covered, verdicts)
    milliseconds = 1e3 * replayed / (given.logs * len(CANDIDATES) * given.lists)
    print(f"{milliseconds:.1f} ms a list; {time.perf_counter() - began:.0f} s")
    metrics = {f"{name} earns": value for name, value in truth.items()}
    metrics |= {f"{name} by {DECIDES}": float(np.mean(said[name][DECIDES])) for name in CANDIDATES if said[name]}
    metrics |= {f"{name} verdict {one}": float(count) for name in CANDIDATES for one, count in sorted(verdicts[name].items())}
    intervals = len(CANDIDATES) * given.logs - sum(one[REFUSED] for one in verdicts.values())
    for one in _names(said):
        metrics[f"coverage of {one}"] = sum(covered[name, one] for name in CANDIDATES) / intervals
    record.write(
        "ope", "simulated world", metrics | {"ms a list": milliseconds, "intervals": float(intervals)}, tuple(range(given.logs))
    )


def _tell(
    logs: int,
    truth: dict[str, float],
    said: dict[str, dict[str, list[float]]],
    covered: Counter[tuple[str, str]],
    verdicts: dict[str, Counter[str]],
) -> None:
    names = _names(said)
    print(f"{'policy':<26}{'earns':>8}" + "".join(f"{name:>14}" for name in names) + "  verdicts")
    for policy_name, values in said.items():
        supported = logs - verdicts[policy_name][REFUSED]
        cells = "".join(
            f"{np.mean(values.get(name, [np.nan])):>8.4f} {covered[policy_name, name]:>2}/{supported:<2}" for name in names
        )
        counts = ", ".join(f"{count} {answer}" for answer, count in verdicts[policy_name].items())
        print(f"{policy_name:<26}{truth[policy_name]:>8.4f}{cells}  {counts}")


def _names(said: dict[str, dict[str, list[float]]]) -> list[str]:
    """The estimators that said something."""
    return list(dict.fromkeys(name for values in said.values() for name in values))


if __name__ == "__main__":
    main()
