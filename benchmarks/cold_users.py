"""How soon lists become personal: NDCG@10 of new users' lists after 0, 1, 2, 3, 5 and 10 events, beside what is popular.

    MARQUEE_HOME=var python benchmarks/cold_users.py [--name films] [--trained 0.5] [--epochs 12]
    MARQUEE_HOME=var python benchmarks/cold_users.py --learned DIR --newcomers 0.8    # what ranker.py --learn wrote of films

Learns from the first part of the home's events and asks for users whose first event comes later: always the same users, each with
at least `TARGETS` items more after the tenth event. A list is that of the recommender as it is served, without exploration and
without a ranker, in the full catalogue, given the user's first events alone and statistics as of the start of the user's tenth of
the period. It is asked for each of the next `TARGETS` new items. Rivals: what is popular, and what is most popular in the genre
that the user prefers so far. `told` is the list before any event of a user who answered: three items, or two genres, drawn from
what the same user took up after all that is asked for. Somebody who answers knows that much; a machine does not, so this is no
rival.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import record
from numpy.typing import NDArray
from rank_data import FILMS, REFIT, snapshot

from app.console import settings
from app.usecases import steps
from core import columns as c
from core.answers import Answers
from core.catalogue import Catalogue
from core.features import Profiles, UserFeatures
from core.kinds import TARGETS as TARGET_KINDS
from datasets.splits import before, cutoff, in_time_order
from evaluation.blended import Learner
from evaluation.comparison import lift
from evaluation.metrics import ndcg
from evaluation.queries import labelled_queries
from evaluation.ranking import NOT_FOUND
from feature_repo.item_stats import item_stats
from feature_repo.transforms import UserEvent, UserState, item_genres
from lifecycle.cuts import after_all
from lifecycle.unranked import unranked
from recommender.live import Snapshot
from recommender.policy import Policy
from recommender.recommender import Offline
from recommender.roles import Page, Query
from retrieval.config import TrainConfig
from retrieval.preset import Preset

STEPS = (0, 1, 2, 3, 5, 10)
TARGETS, TOLD_ITEMS, TOLD_GENRES = 10, 3, 2
PERIODS = 10
MAX_USERS = 300
CHOSEN_FROM, MAX_CHOICE = 0.8, 10_000  # share of the events from which on weights are chosen, and queries
CONFIG = Path("configs/training/demo.toml")
PLOT = Path("docs/images/cold-users.png")


@dataclass(frozen=True, eq=False)
class NewUser:
    """A user after each number of events, what comes next, and what the user would answer if asked first."""

    key: int
    since: float
    after: dict[int, UserFeatures]  # by number of events
    targets: dict[int, NDArray[np.intp]]  # catalogue rows
    told: dict[str, Answers]


def new_users(events: pl.DataFrame, catalogue: Catalogue, cut: float, profiles: Profiles) -> Iterator[NewUser]:
    """Those whose first event is at or after the cut and who have enough events."""
    genres = item_genres(catalogue)
    later = in_time_order(events.filter(pl.col(c.TS).min().over(c.USER) >= cut))
    columns = later.select(c.USER, c.ITEM, c.KIND, c.VALUE, c.TS)
    for (key,), rows in columns.partition_by(c.USER, as_dict=True, maintain_order=True).items():
        state = UserState(UserFeatures(int(key), profile=tuple(profiles.get(int(key), ()))))
        after, happened = {0: state.features()}, [UserEvent(*row) for row in rows.iter_rows()]
        taken = [one for one in happened if one.kind in TARGET_KINDS and catalogue.rows([one.item_id])[0] >= 0]
        items = list(dict.fromkeys(one.item_id for one in taken))
        if len(items) < max(STEPS) + TARGETS + TOLD_ITEMS:
            continue
        for at, event in enumerate(happened[: max(STEPS)], start=1):
            state.add(event, genres.get(event.item_id, ()))
            after[at] = state.features()
        targets = {n: [item for item in items if item not in after[n].item_ids][:TARGETS] for n in STEPS}
        rest = [
            item for item in items if item not in {one for n in STEPS for one in targets[n]} and item not in after[10].item_ids
        ]
        if len(rest) < TOLD_ITEMS:
            continue
        liked = pl.Series([genre for item in rest for genre in genres.get(item, ())], dtype=pl.String)
        favourites = liked.value_counts(sort=True)[liked.name].head(TOLD_GENRES).to_list() if len(liked) else []
        told = {"told items": Answers(items=tuple(rest[:TOLD_ITEMS])), "told genres": Answers(genres=tuple(favourites))}
        yield NewUser(int(key), happened[0].ts, after, {n: catalogue.rows(some) for n, some in targets.items()}, told)


def released(train: pl.DataFrame, catalogue: Catalogue, profiles: Profiles, config: TrainConfig, folder: Path) -> Snapshot:
    """A release of the events before the cut, without a ranker, chosen as a build chooses."""
    cut, end = cutoff(train, CHOSEN_FROM), after_all(train)
    asked = list(labelled_queries(train, catalogue, cut, end, MAX_CHOICE, 1, profiles))
    learner = Learner(catalogue, profiles, Preset.of(config), folder, 1)
    chosen, blend = learner.choose(before(train, cut), asked, train)
    print(blend, flush=True)
    learned = learner.refit(train, chosen, blend.weights)
    bundle = folder / "bundle"
    bundle.mkdir()
    learned.save(bundle)
    tables = learned.transitions, learned.ease
    return unranked(
        bundle, catalogue, learned.towers.item_embeddings, tables, blend.weights, item_stats(train, catalogue, np.inf)
    )


class Asked:
    """Ranks of the targets in the lists of each way to make them."""

    def __init__(self, events: pl.DataFrame, now: Snapshot, users: Sequence[NewUser]) -> None:
        self._now, self._users = now, users
        starts = np.quantile([user.since for user in users], np.arange(PERIODS) / PERIODS)
        self._period = np.searchsorted(starts, [user.since for user in users], side="right") - 1
        self._stats = [item_stats(events, now.catalogue, float(start)) for start in starts]

    @property
    def keys(self) -> NDArray[np.int64]:
        """The user of each target."""
        return np.repeat([user.key for user in self._users], TARGETS)

    def served(self, n: int, change: Callable[[NewUser], UserFeatures]) -> NDArray[np.int64]:
        lists: dict[int, NDArray[np.intp]] = {}
        for period, stats in enumerate(self._stats):
            at = np.flatnonzero(self._period == period).tolist()
            with Offline(self._now.with_stats(stats), Policy.load("default").scored_by("retrieval").greedy()) as offline:
                queries = [Query(f"q{one}", self._users[one].key, 0.0, one, change(self._users[one]), Page(10)) for one in at]
                lists |= {one: made.selection.rows for one, made in zip(at, offline.recommend(queries), strict=True)}
        return self._ranks(n, [lists[one] for one in range(len(self._users))])

    def popular(self, n: int, within: Callable[[UserFeatures], NDArray[np.bool_]]) -> NDArray[np.int64]:
        """The most popular of some items that the user has not consumed."""
        lists = []
        for user, period in zip(self._users, self._period.tolist(), strict=True):
            known = user.after[n]
            left = within(known).copy()
            left[self._now.catalogue.known_rows(known.consumed)] = False
            order = self._stats[period].popular_rows(len(left))
            lists.append(order[left[order]][:10])
        return self._ranks(n, lists)

    def _ranks(self, n: int, lists: Sequence[NDArray[np.intp]]) -> NDArray[np.int64]:
        places = []
        for user, rows in zip(self._users, lists, strict=True):
            where = {row: at for at, row in enumerate(rows.tolist())}
            places += [where.get(row, NOT_FOUND) for row in user.targets[n].tolist()]
        return np.array(places, dtype=np.int64)


def favourite(catalogue: Catalogue) -> Callable[[UserFeatures], NDArray[np.bool_]]:
    """Items of the genre with the most weight; all of them before there is one."""

    def within(user: UserFeatures) -> NDArray[np.bool_]:
        if not len(user.genres) or not catalogue.genre_names:
            return np.ones(len(catalogue), dtype=np.bool_)
        best = user.genres[int(np.argmax(user.genre_weights))]
        return np.asarray(catalogue.genres[:, catalogue.genre_names.index(best)] > 0)

    return within


def curves(asked: Asked, catalogue: Catalogue, show: Callable[[str], object] = print) -> dict[str, float]:
    """Figures by name."""
    metrics: dict[str, float] = {}
    everything = np.ones(len(catalogue), dtype=np.bool_)
    for n in STEPS:
        found = {
            "marquee": asked.served(n, lambda user, n=n: user.after[n]),
            "popular": asked.popular(n, lambda _: everything),
            "genre": asked.popular(n, favourite(catalogue)),
        }
        metrics |= {f"{name} ndcg@10 after {n}": float(ndcg(ranks, 10).mean()) for name, ranks in found.items()}
        for rival in ("popular", "genre"):
            gain = lift(found["marquee"], found[rival], asked.keys)
            metrics |= {f"marquee - {rival} after {n} low": gain.low, f"marquee - {rival} after {n} high": gain.high}
        show(f"after {n}: " + ", ".join(f"{name} {ndcg(ranks, 10).mean():.4f}" for name, ranks in found.items()))
    plain = asked.served(0, lambda user: user.after[0])
    for name in ("told items", "told genres"):
        ranks = asked.served(0, lambda user, name=name: replace(user.after[0], profile=user.told[name].tokens()))
        gain = lift(ranks, plain, asked.keys)
        metrics |= {f"{name} ndcg@10 after 0": float(ndcg(ranks, 10).mean())}
        metrics |= {f"{name} - nothing told low": gain.low, f"{name} - nothing told high": gain.high}
        show(f"{name}: {ndcg(ranks, 10).mean():.4f} before any event")
    return metrics


def plot(metrics: dict[str, float], users: int, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, words, style in (
        ("marquee", "Marquee as served", "o-"),
        ("popular", "popular now", "s--"),
        ("genre", "most popular in the user's genre", "^--"),
    ):
        axes.plot(STEPS, [metrics[f"{name} ndcg@10 after {n}"] for n in STEPS], style, label=words)
    for name, marker in (("told items", "*"), ("told genres", "P")):
        axes.plot(
            [0],
            [metrics[f"{name} ndcg@10 after 0"]],
            marker,
            markersize=11,
            label=f"Marquee, {name.replace('told', 'told some')}",
        )
    axes.set(xlabel="events of the user so far", ylabel="NDCG@10 of the next ten items", title=f"Lists of {users:,} new users")
    axes.set_xticks(STEPS)
    axes.set_ylim(bottom=0)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="films", help="what to call the data of this home in the results")
    parser.add_argument("--trained", type=float, default=0.5, help="share of the events to learn from")
    parser.add_argument("--epochs", type=int, default=0, help="fewer than the configuration has")
    parser.add_argument("--learned", type=Path, help="a folder that ranker.py --learn wrote, in place of a training")
    parser.add_argument("--newcomers", type=float, default=0.0, help="with --learned: what popularity weighs more for new users")
    parser.add_argument("--plot", type=Path, default=PLOT)
    given = parser.parse_args()
    found = steps.stored(settings())
    config = TrainConfig.load(CONFIG)
    cut = cutoff(found.interactions, given.trained)
    users = list(new_users(found.interactions, found.catalogue, cut, found.profiles))
    drawn = np.sort(np.random.default_rng(1).permutation(len(users))[:MAX_USERS])
    users = [users[at] for at in drawn.tolist()]
    print(f"{len(users)} new users", flush=True)
    config = config.model_copy(update={"epochs": given.epochs}) if given.epochs else config
    with tempfile.TemporaryDirectory() as folder:
        train = before(found.interactions, cut)
        if given.learned:
            path = given.learned / f"{FILMS}-{given.trained:g}.zip"
            now = snapshot(path, REFIT, train, found.catalogue, Path(folder), newcomers=given.newcomers)
        else:
            now = released(train, found.catalogue, found.profiles, config, Path(folder))
        metrics = {"users": float(len(users))} | curves(Asked(found.interactions, now, users), found.catalogue)
    plot(metrics, len(users), given.plot)
    record.write(f"cold-users-{given.name}", given.name, metrics, (1,))


if __name__ == "__main__":
    main()
