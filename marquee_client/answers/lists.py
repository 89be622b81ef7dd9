"""Lists, and why an item is on one or not: each class is a JSON object as the API answers it."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from marquee_client.ids import Id


class Film(TypedDict):
    """An item of the catalogue, as far as every answer tells of it."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none


class Reason(TypedDict):
    """Why an item is on a list."""

    # what sort of reason it is
    code: Literal["explored", "history", "told", "taste", "rating", "popular", "year", "new", "other"]
    text: str  # for people
    item_id: NotRequired[Id | None]  # of the user's history, where one is the reason
    effect: NotRequired[float | None]  # what the score would lack without it, in units of the scores


class Tie(TypedDict):
    """What two items have in common."""

    code: Literal["series", "people", "next", "genres", "taste"]  # what sort of tie it is
    text: str  # for people


class Stage(TypedDict):
    """What one part of the pipeline did."""

    stage: str  # source, filter, scorer, selector, or what is done beside them
    part: str  # name of the part
    returned: int  # items that came out of it
    dropped: int  # items that did not
    milliseconds: float  # that it took
    error: str | None  # why it failed; null if it did not
    note: NotRequired[str | None]  # what else there is to know, such as caps that gave way


class ListTrace(TypedDict):
    """What the pipeline did."""

    milliseconds: float  # from the request to the list
    emptied_by: str | None  # the filter that left nothing to show, if one did
    stages: list[Stage]  # in their order


class Recommendation(TypedDict):
    """An item on a list."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    score: float  # of the last scorer; only the order within one list means something
    reasons: list[Reason]  # empty unless explain=true
    label: str | None  # of the slot that placed the item, for example promoted; null where nobody placed it
    found_by: list[str]  # the sources that found it; none for an item that only completes the page


class RecommendationList(TypedDict):
    """A list, best first."""

    request_id: str  # put it into the events that answer this list
    user_id: Id  # whose list it is
    cold_start: bool  # the user is unknown, or has no event on an item of this release
    # where the list comes from, the best source that found anything
    strategy: Literal[
        "two_tower",
        "two_tower_mirror",
        "personal",
        "onboarding",
        "popular_segment",
        "popular_fallback",
        "last_known",
        "cached",
        "popular_degraded",
        "nothing_eligible",
    ]
    model_version: str  # the release
    policy: str  # id of the policy that made the list
    arm: str  # the user's arm of the running experiment
    recommendations: list[Recommendation]  # best first
    trace: NotRequired[ListTrace | None]  # with trace=true


class CompactList(TypedDict):
    """The list with format=ids; its `request_id` is in the header `X-Request-Id`."""

    cold_start: bool  # as in the full list
    recommendations: list[Id]  # ids, best first


class SessionList(TypedDict):
    """A list for somebody without an id."""

    request_id: str  # put it into the events that answer this list
    user_id: Id  # whose list it is
    cold_start: bool  # the user is unknown, or has no event on an item of this release
    # where the list comes from, the best source that found anything
    strategy: Literal[
        "two_tower",
        "two_tower_mirror",
        "personal",
        "onboarding",
        "popular_segment",
        "popular_fallback",
        "last_known",
        "cached",
        "popular_degraded",
        "nothing_eligible",
    ]
    model_version: str  # the release
    policy: str  # id of the policy that made the list
    arm: str  # the user's arm of the running experiment
    recommendations: list[Recommendation]  # best first
    trace: NotRequired[ListTrace | None]  # with trace=true
    ignored: list[Id]  # items of the request that are not in the catalogue


class RankedItem(TypedDict):
    """A card."""

    item_id: Id  # its id
    title: str  # its title
    genres: list[str]  # its genres; none where they are unknown
    year: int | None  # null where it is unknown
    poster: str | None  # address of a picture; null where the catalogue has none
    score: float  # only the order within one answer means something
    reasons: list[Reason | Tie]  # why it is there; empty without explain


class Ranked(TypedDict):
    """Cards, best first."""

    request_id: str | None  # of the list that was shown, to put into events that answer it; null without a user
    strategy: str  # how the list was made, as in a recommendation list; similar where it is like an item
    items: list[RankedItem]  # best first
    # candidates that may not be shown: unknown, hidden, newer than the release, or taken up by the user before
    left_out: list[Id]


class SourceRank(TypedDict):
    """Where an item stands in one source."""

    part: str  # name of the source
    asked: int  # candidates that the policy lets it fetch
    found: bool  # whether the item was one of them
    rank: int | None  # among all eligible items, from 1; null where the source has nothing to say for it


class WhyItem(TypedDict):
    """What became of one item in one request."""

    user_id: Id  # who was asked about
    item_id: Id  # what was asked about
    title: str  # of the item
    shown: bool  # whether it is on the page
    stage: Literal["release", "filter", "source", "selector", "page", "shown"]  # that decided
    part: str  # of the pipeline, that decided; empty where all sources did
    text: str  # for people
    position: int | None  # in the list, from 0; null if it is not there up to the end of the page
    rank: int | None  # of its score among the candidates, from 1
    score: float | None  # of the last scorer; null for an item that no source found
    sources: list[SourceRank]  # of the policy, in their order
    reasons: list[Reason]  # of an item that has a score, shown or not
    model_version: str  # the release
    policy: str  # id of the policy that made the list
    arm: str  # the user's arm of the running experiment
