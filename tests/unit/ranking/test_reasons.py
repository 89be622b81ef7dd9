"""What a feature of the ranker stands for in words, and what counts as enjoyed."""

import numpy as np
import pytest

from core.features import UserFeatures
from core.kinds import KIND_CODE, Kind
from ranking.candidate_features import CANDIDATE_FEATURES
from ranking.reasons import GROUPS, by_group, enjoyed, group_of


@pytest.mark.parametrize(
    ("feature", "code"),
    [
        ("genre_affinity", "taste"),
        ("recent_genre_overlap", "taste"),
        ("log_recent_popularity", "popular"),
        ("rating_mean", "rating"),
        ("user_rating_mean", "user"),
        ("year_gap", "year"),
        ("item_is_cold", "new"),
        ("transition_reciprocal_rank", "history"),
        ("cosine_last", "history"),
        ("language_share", "other"),  # words count, not parts of them: there is an "age" in it
    ],
)
def test_a_feature_is_known_by_the_words_in_its_name(feature: str, code: str) -> None:
    assert group_of(feature).code == code


def test_every_group_speaks_for_itself() -> None:
    assert len({group.code for group in GROUPS}) == len({group.text for group in GROUPS}) == len(GROUPS)


def test_groups_add_up_to_what_all_features_contribute() -> None:
    contributions = np.random.default_rng(0).normal(size=(4, len(CANDIDATE_FEATURES))).astype(np.float32)
    sums = by_group(CANDIDATE_FEATURES, contributions)
    np.testing.assert_allclose(np.sum(list(sums.values()), axis=0), contributions.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "value", "liked"),
    [
        (Kind.RATING, 3.5, True),
        (Kind.RATING, 3.0, False),
        (Kind.REVIEW, 4.0, True),
        (Kind.PURCHASE, 0.0, True),
        (Kind.WATCHLIST_ADD, 0.0, True),
        (Kind.REVIEW, 0.0, False),  # a text without stars
        (Kind.WATCH, 90.0, True),
        (Kind.WATCH, 5.0, False),  # minutes, not stars
        (Kind.VIEW, 0.0, False),
        (Kind.CLICK, 0.0, False),
        (Kind.SEARCH, 0.0, False),
        (Kind.SKIP, 0.0, False),
        (Kind.WATCHLIST_REMOVE, 0.0, False),
    ],
)
def test_only_what_was_enjoyed_is_called_enjoyed(kind: Kind, value: float, liked: bool) -> None:
    ids, kinds = np.array([5, 7]), np.array([KIND_CODE["rating"], KIND_CODE[kind]])
    user = UserFeatures(1, ids, kinds, np.array([5.0, value], np.float32), np.arange(2.0))
    assert enjoyed(user, 7) is liked
    assert not enjoyed(user, 8)
