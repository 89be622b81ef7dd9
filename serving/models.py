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

    code: Literal["explored", "history", "told", "taste", "rating", "popular", "year", "new", "other"] = Field(
        description="what sort of reason it is"
    )
    text: str = Field(description="for people")
    item_id: ExternalId | None = Field(default=None, description="of the user's history, where one is the reason")
    effect: float | None = Field(default=None, description="what the score would lack without it, in units of the scores")


class Film(BaseModel):
    """An item of the catalogue, as far as every answer tells of it."""

    item_id: ExternalId = Field(description="its id")
    title: str = Field(description="its title")
    genres: list[str] = Field(description="its genres; none where they are unknown")
    year: int | None = Field(description="null where it is unknown")
    poster: str | None = Field(description="address of a picture; null where the catalogue has none")


class Recommendation(Film):
    """An item on a list."""

    score: float = Field(description="of the last scorer; only the order within one list means something")
    reasons: list[Reason] = Field(description="empty unless explain=true")
    label: str | None = Field(description="of the slot that placed the item, for example promoted; null where nobody placed it")
    found_by: list[str] = Field(description="the sources that found it; none for an item that only completes the page")


class Stage(BaseModel):
    """What one part of the pipeline did."""

    stage: str = Field(description="source, filter, scorer, selector, or what is done beside them")
    part: str = Field(description="name of the part")
    returned: int = Field(description="items that came out of it")
    dropped: int = Field(description="items that did not")
    milliseconds: float = Field(description="that it took")
    error: str | None = Field(description="why it failed; null if it did not")
    note: str | None = Field(None, description="what else there is to know, such as caps that gave way")


class ListTrace(BaseModel):
    """What the pipeline did."""

    milliseconds: float = Field(description="from the request to the list")
    emptied_by: str | None = Field(description="the filter that left nothing to show, if one did")
    stages: list[Stage] = Field(description="in their order")


class RecommendationList(BaseModel):
    """A list, best first."""

    request_id: str = Field(description="put it into the events that answer this list")
    user_id: ExternalId = Field(description="whose list it is")
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
    ] = Field(description="where the list comes from, the best source that found anything")
    model_version: str = Field(description="the release")
    policy: str = Field(description="id of the policy that made the list")
    arm: str = Field(description="the user's arm of the running experiment")
    recommendations: list[Recommendation] = Field(description="best first")
    trace: ListTrace | None = Field(default=None, description="with trace=true")


class SourceRank(BaseModel):
    """Where an item stands in one source."""

    part: str = Field(description="name of the source")
    asked: int = Field(description="candidates that the policy lets it fetch")
    found: bool = Field(description="whether the item was one of them")
    rank: int | None = Field(description="among all eligible items, from 1; null where the source has nothing to say for it")


class WhyItem(BaseModel):
    """What became of one item in one request."""

    user_id: ExternalId = Field(description="who was asked about")
    item_id: ExternalId = Field(description="what was asked about")
    title: str = Field(description="of the item")
    shown: bool = Field(description="whether it is on the page")
    stage: Literal["release", "filter", "source", "selector", "page", "shown"] = Field(description="that decided")
    part: str = Field(description="of the pipeline, that decided; empty where all sources did")
    text: str = Field(description="for people")
    position: int | None = Field(description="in the list, from 0; null if it is not there up to the end of the page")
    rank: int | None = Field(description="of its score among the candidates, from 1")
    score: float | None = Field(description="of the last scorer; null for an item that no source found")
    sources: list[SourceRank] = Field(description="of the policy, in their order")
    reasons: list[Reason] = Field(description="of an item that has a score, shown or not")
    model_version: str = Field(description="the release")
    policy: str = Field(description="id of the policy that made the list")
    arm: str = Field(description="the user's arm of the running experiment")


class CompactList(BaseModel):
    """The list with format=ids; its `request_id` is in the header `X-Request-Id`."""

    model_config = ConfigDict(extra="forbid")

    cold_start: bool = Field(description="as in the full list")
    recommendations: list[ExternalId] = Field(description="ids, best first")


class Quarantined(BaseModel):
    """An event that is kept and not applied."""

    index: int = Field(description="in the request, from 0")
    event_id: str = Field(description="of the event")
    reason: str = Field(description="why it cannot be applied")


class Receipt(BaseModel):
    """What became of the events; every one of them is durable."""

    accepted: int = Field(description="new events, on their way into the features")
    duplicates: int = Field(description="events whose event_id was known")
    quarantined: list[Quarantined] = Field(description="kept in the dead-letter topic, not applied")
    event_ids: list[str] = Field(description="of every event, in the order of the request")


class ItemDetails(Film):
    """An item, as it is known now."""

    overview: str | None = Field(description="what it is about")
    maturity: int | None = Field(description="the age in years from which it is suitable")
    available_from: float | None = Field(description="Unix seconds from which it may be shown")
    available_until: float | None = Field(description="Unix seconds from which it may not be shown any more")
    series: str | None = Field(description="that it belongs to; null where it is unknown or belongs to none")
    cost: float | None = Field(description="of the licence, for one play")
    runtime: int | None = Field(description="minutes")
    language: str | None = Field(description="of the item; null where it is unknown")
    people: list[str] | None = Field(description="cast and crew; null where they are unknown")
    shown: bool = Field(description="whether it may be in lists; a hidden film is still readable here and in histories")
    in_release: bool = Field(description="whether the release that is served has it")
    events: float = Field(description="interactions so far")
    popularity_now: float = Field(description="users who like it, with time decay, and some of all time")
    rating_mean: float | None = Field(description="stars, shrunk towards the mean of all films")


class ItemChanged(BaseModel):
    """What became of a change."""

    item_id: ExternalId = Field(description="of the item")
    changed: bool = Field(description="false if the item had these values already")


class RetrainingAsked(BaseModel):
    """A retraining that was asked for."""

    trigger: str = Field(description="manual")
    reasons: list[str] = Field(description="that were given")
    detail: str = Field(description="what happens now, and which rules were overridden")


class HistoryEvent(BaseModel):
    """Something that a user did."""

    item_id: ExternalId = Field(description="with which item")
    title: str | None = Field(description="null for an item that is not in the catalogue")
    genres: list[str] = Field(description="of the item; none where they are unknown")
    kind: Kind = Field(description="what was done")
    value: float | None = Field(description="stars or minutes; null for kinds without a value")
    ts: float = Field(description="Unix seconds")


class History(BaseModel):
    """A user's recent events, newest first."""

    user_id: ExternalId = Field(description="whose history it is")
    known: bool = Field(description="false for a user never seen")
    n_events: int = Field(description="all events, also those too old to be listed")
    events: list[HistoryEvent] = Field(description="newest first")


class Onboarded(BaseModel):
    """The answers that are kept, under the names that the catalogue has."""

    user_id: ExternalId = Field(description="who answered")
    items: list[ExternalId] = Field(description="that they like")
    genres: list[str] = Field(description="that they like")
    people: list[str] = Field(description="cast or crew that they like")
    age_band: str | None = Field(description="of the user; null where it was not answered")


class Users(BaseModel):
    """Users to try."""

    users: list[ExternalId] = Field(description="their ids")


class ErasedFrom(BaseModel):
    """One place where something of a user may be kept."""

    store: str = Field(description="what it is called")
    found: int = Field(description="records that were there")
    left: int = Field(description="records that are there now")
    stays: str = Field(description="why records stay there until their time is over; empty where they do not")


class Erased(BaseModel):
    """The receipt of an erasure."""

    user_id: ExternalId = Field(description="of the user")
    at: float = Field(description="Unix seconds; events of before are forgotten from now on, whenever they arrive")
    clean: bool = Field(description="whether a second look found nothing that could have been erased")
    stores: list[ErasedFrom] = Field(description="every place where something of a user may be kept")


class Live(BaseModel):
    """That the process answers."""

    status: Literal["up"] = Field(description="always up")


class CheckResult(BaseModel):
    """What a probe found."""

    status: Literal["up", "degraded", "down"] = Field(description="degraded: something else answers in its place")
    detail: str = Field(description="for people")


class Ready(BaseModel):
    """Per dependency; 503 when nothing can be served."""

    status: Literal["up", "degraded", "down"] = Field(description="of all together")
    checks: dict[str, CheckResult] = Field(description="by dependency")


class Version(BaseModel):
    """What is served, and by what."""

    release: str = Field(description="name of the release")
    policy: str = Field(description="id of the policy of the experiment's largest arm")
    created: str = Field(description="when the release was built (ISO 8601)")
    code_version: str = Field(description="of the running code")
    release_code_version: str = Field(description="of the code that built the release")
    data_version: dict[str, int] = Field(description="lake table -> Delta version that training saw")
    trained_until: float = Field(description="Unix seconds of the latest event that it learned from")
    feature_schema: str = Field(description="hash of the features that it reads")
    metrics: dict[str, float] = Field(description="of held-out events")


class FieldError(BaseModel):
    """A value that is not allowed."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="its name")
    value: Any = Field(description="what was sent, shortened where it is long")
    allowed: str = Field(description="what may be sent")
    index: int | None = Field(default=None, description="of the event in the array")


class WatchDecision(BaseModel):
    """One check of the watchdog. Times are Unix seconds."""

    at: float = Field(description="when")
    verdict: str = Field(description="what was found")
    reasons: list[str] = Field(description="why")
    action: str = Field(description="what the watchdog did")
    next_at: float = Field(description="when it looks again")
    release: str | None = Field(description="that behaviour was compared with; null if none could be read")


class Decisions(BaseModel):
    """The latest decisions, oldest first."""

    decisions: list[WatchDecision] = Field(description="oldest first")


class ShownItem(BaseModel):
    """One position of a list, as its impression says."""

    item_id: ExternalId = Field(description="id of the item")
    key: int = Field(description="number that stands for it inside")
    position: int = Field(description="in the list, from 0")
    propensity: float = Field(description="probability with which the policy put it there")
    score: float = Field(description="of the last scorer")
    explored: bool = Field(description="whether it was put there to try it")


class MadeBy(BaseModel):
    """The release that made a list."""

    name: str = Field(description="of the release")
    gone: str | None = Field(description="why it cannot be read any more; null if it can")
    data_version: dict[str, int] | None = Field(None, description="versions of the lake's tables that it learned from")
    code_version: str | None = Field(None, description="that it was built with")
    trained_until: float | None = Field(None, description="Unix seconds of the latest event that it learned from")


class DrawnAgain(BaseModel):
    """Whether the list came out again."""

    identical: bool = Field(description="every item, score and propensity, bit for bit")
    filled_up: int = Field(description="positions behind the last candidate, filled with what was popular")
    differences: list[str] = Field(description="what differs, for people")
    unchecked: list[str] = Field(description="why nothing could be compared")


class Provenance(BaseModel):
    """Where a list came from; what was not stored is null."""

    request_id: str = Field(description="of the list")
    user: int = Field(description="the user's key")
    at: float = Field(description="Unix seconds, UTC")
    arm: str = Field(description="the user's arm of the experiments")
    release: MadeBy = Field(description="that made it")
    policy: dict[str, str | None] = Field(description="id, and all of its settings as JSON in `body`")
    code_version: str | None = Field(description="that served the list")
    seed: str | None = Field(description="of the exploration, 16 hex digits")
    page: dict[str, int] | None = Field(description="size and offset")
    statistics_as_of: float | None = Field(description="Unix seconds of the statistics that it was made with")
    learned_version: int | None = Field(description="of the learned item vectors; 0: the release's own")
    features: dict[str, object] | None = Field(description="of the user, as they were read; null for one without any")
    items: list[ShownItem] = Field(description="in their order")
    drawn_again: DrawnAgain = Field(description="whether it can be repeated")


class ExperimentState(BaseModel):
    """An A/B experiment, and its latest run. Times are Unix seconds."""

    name: str = Field(description="of the experiment")
    state: Literal["defined", "running", "stopped", "faulty"] = Field(description="faulty: its file cannot be read")
    layer: str | None = Field(None, description="that it belongs to; experiments of one layer share no user")
    buckets: list[int] | None = Field(None, description="first, and the one after the last, of 1,000 of the layer")
    question: str = Field("", description="that it answers")
    shares: dict[str, float] = Field(default_factory=dict, description="share of the experiment's users, by variant")
    since: float | None = Field(None, description="when it was started last; null if never")
    until: float | None = Field(None, description="when it was stopped; null while it runs")
    actor: str = Field("", description="who started or stopped it last")
    why: str = Field("", description="the reason that was given")
    fault: str = Field("", description="what is wrong with its file")


class ExperimentStates(BaseModel):
    """Every experiment that has a file or was ever started, by name."""

    experiments: list[ExperimentState] = Field(description="by name")


class ExperimentChanged(BaseModel):
    """What was asked for."""

    experiment: str = Field(description="its name")
    state: Literal["running", "stopped"] = Field(description="that it has now")
    dry_run: bool = Field(description="whether it was only checked")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="a URN that names the sort of problem")
    title: str = Field(description="of the sort of problem")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what was wrong, for people")
    request_id: str = Field(description="for a question about it")
    errors: list[FieldError] | None = Field(None, description="each value that is not allowed")
