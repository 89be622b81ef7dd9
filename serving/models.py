"""Response schemas, for OpenAPI only.

The routes build dictionaries themselves: validating a list would cost more than ranking it. Tests keep the two consistent.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.ids import ExternalId
from core.kinds import Kind


class Reason(BaseModel):
    """Why an item is on a list."""

    code: Literal["explored", "history", "told", "taste", "rating", "popular", "year", "new", "other"]
    text: str
    item_id: ExternalId | None = Field(default=None, description="of the user's history, where one is the reason")
    effect: float | None = Field(default=None, description="what the score would lack without it, in units of the scores")


class Film(BaseModel):
    item_id: ExternalId
    title: str
    genres: list[str]
    year: int | None = Field(description="null where it is unknown")
    poster: str | None = Field(description="address of a picture; null where the catalogue has none")


class Recommendation(Film):
    score: float = Field(description="of the last scorer; only the order within one list means something")
    reasons: list[Reason] = Field(description="empty unless explain=true")
    label: str | None = Field(description="of the slot that placed the item, for example promoted; null where nobody placed it")
    found_by: list[str] = Field(description="the sources that found it; none for an item that only completes the page")


class Stage(BaseModel):
    """What one part of the pipeline did."""

    stage: str
    part: str
    returned: int
    dropped: int
    milliseconds: float
    error: str | None
    note: str | None = Field(None, description="what else there is to know, such as caps that gave way")


class ListTrace(BaseModel):
    milliseconds: float
    emptied_by: str | None = Field(description="the filter that left nothing to show, if one did")
    stages: list[Stage]


class RecommendationList(BaseModel):
    """A list, best first."""

    request_id: str = Field(description="put it into the events that answer this list")
    user_id: ExternalId
    cold_start: bool = Field(description="the user is unknown, or has no event on an item of this release")
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
    model_version: str = Field(description="the release")
    policy: str = Field(description="id of the policy that made the list")
    arm: str = Field(description="the user's arm of the running experiment")
    recommendations: list[Recommendation]
    trace: ListTrace | None = Field(default=None, description="with trace=true")


class SourceRank(BaseModel):
    """Where an item stands in one source."""

    part: str
    asked: int = Field(description="candidates that the policy lets it fetch")
    found: bool = Field(description="whether the item was one of them")
    rank: int | None = Field(description="among all eligible items, from 1; null where the source has nothing to say for it")


class WhyItem(BaseModel):
    """What became of one item in one request."""

    user_id: ExternalId
    item_id: ExternalId
    title: str
    shown: bool = Field(description="whether it is on the page")
    stage: Literal["release", "filter", "source", "selector", "page", "shown"] = Field(description="that decided")
    part: str = Field(description="of the pipeline, that decided; empty where all sources did")
    text: str
    position: int | None = Field(description="in the list, from 0; null if it is not there up to the end of the page")
    rank: int | None = Field(description="of its score among the candidates, from 1")
    score: float | None
    sources: list[SourceRank]
    reasons: list[Reason] = Field(description="of an item that has a score, shown or not")
    model_version: str
    policy: str
    arm: str


class CompactList(BaseModel):
    """The list with format=ids."""

    cold_start: bool
    recommendations: list[ExternalId]


class Quarantined(BaseModel):
    index: int
    event_id: str
    reason: str


class Receipt(BaseModel):
    """What became of the events; every one of them is durable."""

    accepted: int
    duplicates: int = Field(description="events whose event_id was known")
    quarantined: list[Quarantined] = Field(description="kept in the dead-letter topic, not applied")
    event_ids: list[str] = Field(description="of every event, in the order of the request")


class ItemDetails(Film):
    overview: str | None = Field(description="what it is about")
    maturity: int | None = Field(description="the age in years from which it is suitable")
    available_from: float | None = Field(description="Unix seconds from which it may be shown")
    available_until: float | None = Field(description="Unix seconds from which it may not be shown any more")
    series: str | None
    cost: float | None = Field(description="of the licence, for one play")
    runtime: int | None = Field(description="minutes")
    language: str | None
    people: list[str] | None
    shown: bool = Field(description="whether it may be in lists; a hidden film is still readable here and in histories")
    in_release: bool = Field(description="whether the release that is served has it")
    events: float = Field(description="interactions so far")
    popularity_now: float = Field(description="interactions with time decay")
    rating_mean: float | None = Field(description="stars, shrunk towards the mean of all films")


class ItemChanged(BaseModel):
    item_id: ExternalId
    changed: bool = Field(description="false if the item had these values already")


class RetrainingAsked(BaseModel):
    trigger: str
    reasons: list[str]
    detail: str = Field(description="what happens now, and which rules were overridden")


class HistoryEvent(BaseModel):
    item_id: ExternalId
    title: str | None = Field(description="null for an item that is not in the catalogue")
    genres: list[str]
    kind: Kind
    value: float | None
    ts: float


class History(BaseModel):
    """A user's recent events, newest first."""

    user_id: ExternalId
    known: bool
    n_events: int = Field(description="all events, also those too old to be listed")
    events: list[HistoryEvent]


class Onboarded(BaseModel):
    """The answers that are kept, under the names that the catalogue has."""

    user_id: ExternalId
    items: list[ExternalId]
    genres: list[str]
    people: list[str]
    age_band: str | None


class Users(BaseModel):
    users: list[ExternalId]


class Erased(BaseModel):
    user_id: ExternalId
    lake_rows: int


class Live(BaseModel):
    status: Literal["up"]


class CheckResult(BaseModel):
    status: Literal["up", "degraded", "down"]
    detail: str


class Ready(BaseModel):
    """Per dependency; 503 when nothing can be served."""

    status: Literal["up", "degraded", "down"]
    checks: dict[str, CheckResult]


class Version(BaseModel):
    release: str
    policy: str = Field(description="id of the policy of the experiment's largest arm")
    created: str
    code_version: str = Field(description="of the running code")
    release_code_version: str = Field(description="of the code that built the release")
    data_version: dict[str, int] = Field(description="lake table -> Delta version that training saw")
    trained_until: float
    feature_schema: str
    metrics: dict[str, float]


class FieldError(BaseModel):
    model_config = ConfigDict(extra="forbid")

    field: str
    value: Any
    allowed: str
    index: int | None = Field(default=None, description="of the event in the array")


class WatchDecision(BaseModel):
    """One check of the watchdog. Times are Unix seconds."""

    at: float
    verdict: str
    reasons: list[str] = Field(description="why")
    action: str = Field(description="what the watchdog did")
    next_at: float = Field(description="when it looks again")
    release: str | None = Field(description="that behaviour was compared with; null if none could be read")


class Decisions(BaseModel):
    """The latest decisions, oldest first."""

    decisions: list[WatchDecision]


class ShownItem(BaseModel):
    """One position of a list, as its impression says."""

    item_id: ExternalId
    key: int
    position: int
    propensity: float
    score: float
    explored: bool


class MadeBy(BaseModel):
    """The release that made a list."""

    name: str
    gone: str | None = Field(description="why it cannot be read any more; null if it can")
    data_version: dict[str, int] | None = Field(None, description="versions of the lake's tables that it learned from")
    code_version: str | None = Field(None, description="that it was built with")
    trained_until: float | None = None


class DrawnAgain(BaseModel):
    """Whether the list came out again."""

    identical: bool = Field(description="every item, score and propensity, bit for bit")
    filled_up: int = Field(description="positions behind the last candidate, filled with what was popular")
    differences: list[str]
    unchecked: list[str] = Field(description="why nothing could be compared")


class Provenance(BaseModel):
    """Where a list came from; what was not stored is null."""

    request_id: str
    user: int = Field(description="the user's key")
    at: float = Field(description="Unix seconds, UTC")
    arm: str
    release: MadeBy
    policy: dict[str, str | None] = Field(description="id, and all of its settings as JSON in `body`")
    code_version: str | None = Field(description="that served the list")
    seed: str | None = Field(description="of the exploration, 16 hex digits")
    page: dict[str, int] | None = Field(description="size and offset")
    statistics_as_of: float | None
    learned_version: int | None = Field(description="of the learned item vectors; 0: the release's own")
    features: dict[str, object] | None = Field(description="of the user, as they were read; null for one without any")
    items: list[ShownItem]
    drawn_again: DrawnAgain


class ExperimentState(BaseModel):
    """An A/B experiment, and its latest run. Times are Unix seconds."""

    name: str
    state: Literal["defined", "running", "stopped", "faulty"]
    layer: str | None = None
    buckets: list[int] | None = None
    question: str = ""
    shares: dict[str, float] = Field(default_factory=dict, description="share of the experiment's users, by variant")
    since: float | None = None
    until: float | None = None
    actor: str = ""
    why: str = ""
    fault: str = Field("", description="what is wrong with its file")


class ExperimentStates(BaseModel):
    """Every experiment that has a file or was ever started, by name."""

    experiments: list[ExperimentState]


class ExperimentChanged(BaseModel):
    """What was asked for."""

    experiment: str
    state: Literal["running", "stopped"]
    dry_run: bool


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldError] | None = None
