"""Answers make the first list personal, give way to a real history, and are no events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from synthetic import make_query, user_of

from core.answers import Answers
from core.catalogue import Catalogue
from core.features import UserFeatures
from recommender.assembly import SourceThreads
from recommender.live import Snapshot
from recommender.onboarding import MAX_EVENTS, PER_NAME, primed
from recommender.policy import Policy
from recommender.recommender import Offline, RecommendationResult, Recommender
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex

DEFAULT = Policy.load("default").greedy()


@pytest.fixture(scope="module")
def now(release: Release) -> Snapshot:
    """With a director for every second film."""
    people = [["Ann"] if row % 2 else [] for row in range(len(release.catalogue))]
    items = release.catalogue.to_frame().with_columns(people=pl.Series(people, dtype=pl.List(pl.String)))
    index = MirrorIndex()
    index.publish(release.name, release.catalogue.ids, release.item_vectors)
    return Snapshot.of(replace(release, catalogue=Catalogue.from_frame(items)), index)


def who(answers: Answers, *items: int) -> UserFeatures:
    return replace(user_of(*items), profile=answers.tokens())


def recommend(now: Snapshot, user: UserFeatures | None, k: int = 10) -> RecommendationResult:
    return asyncio.run(Recommender(now, DEFAULT, SourceThreads(), bounded=False).recommend(make_query(k, user)))


def ids(made: RecommendationResult) -> list[int]:
    return made.snapshot.catalogue.ids[made.selection.rows].tolist()


@pytest.mark.parametrize(
    "answers", [Answers(items=(30, 170)), Answers(genres=("War",)), Answers(people=("Ann",))], ids=["items", "genres", "people"]
)
def test_the_first_list_is_personal_and_says_so(now: Snapshot, answers: Answers) -> None:
    made = recommend(now, who(answers))
    assert (made.strategy, made.cold_start) == ("onboarding", True)
    assert made.selection.found_by("two_tower", "transitions", "ease").any()
    assert ids(made) != ids(recommend(now, None))
    assert not set(ids(made)) & set(answers.items), "who names a film has seen it"
    texts = [reason.text for because in made.reasons() for reason in because if reason.code == "told"]
    assert texts
    named = {"Film 30", "Film 170"} if answers.items else {*answers.genres, *answers.people}
    assert set(texts) <= {f"Because you told us that you like {name}" for name in named}


def test_different_answers_make_different_lists(now: Snapshot) -> None:
    lists = [ids(recommend(now, who(answers))) for answers in (Answers(genres=("War",)), Answers(genres=("Drama",)))]
    assert lists[0] != lists[1]


def test_answers_stand_before_events_until_there_are_enough(now: Snapshot) -> None:
    answers = Answers(items=(30,), genres=("War",))
    few = primed(now, who(answers, 100, 210))
    assert few.user is not None
    assert few.user.item_ids[-2:].tolist() == [100, 210]
    assert few.user.item_ids[-3] == 30, "what was named says more than what stands for a genre"
    assert len(few.told) == 1 + PER_NAME
    assert (np.diff(few.user.times) > 0).all()
    assert few.user.n_events == 2, "no event is made up"
    assert recommend(now, who(answers, 100, 210)).strategy == "two_tower"
    many = who(answers, *now.catalogue.ids[:MAX_EVENTS].tolist())
    assert primed(now, many).user is many


def test_tastes_are_told(now: Snapshot) -> None:
    user = primed(now, who(Answers(items=(30,), genres=("War",)))).user  # film 30 is a drama
    assert user is not None
    assert dict(zip(user.genres, user.genre_weights.tolist(), strict=True)) == {"Drama": 1.0, "War": 1.0}


@pytest.mark.parametrize("profile", [(), ("age:25",)])
def test_who_answered_nothing_is_as_before(now: Snapshot, profile: Sequence[str]) -> None:
    user = replace(user_of(), profile=tuple(profile))
    assert primed(now, user).user is user
    assert primed(now, None) == (None, {})


def test_answers_on_what_has_left_the_catalogue_are_no_answers(now: Snapshot) -> None:
    gone = who(Answers(items=(7,), genres=("Western",), people=("Nobody",)))
    assert recommend(now, gone).strategy == "popular_fallback"


def test_what_is_judged_offline_reads_answers_as_well(now: Snapshot) -> None:
    user = who(Answers(items=(30, 170)))
    with Offline(now, DEFAULT) as offline:
        (made,) = offline.recommend([make_query(10, user)])
    assert ids(made) == ids(recommend(now, user))
