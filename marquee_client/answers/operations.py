"""What operators see, and problems: each class is a JSON object as the API answers it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from marquee_client.ids import Id


class FieldError(TypedDict):
    """A value that is not allowed."""

    field: str  # its name
    value: Any  # what was sent, shortened where it is long
    allowed: str  # what may be sent
    index: NotRequired[int | None]  # of the event in the array


class Problem(TypedDict):
    """RFC 9457 problem details."""

    type: str  # a URN that names the sort of problem
    title: str  # of the sort of problem
    status: int  # the HTTP status
    detail: str  # what was wrong, for people
    request_id: str  # for a question about it
    errors: NotRequired[list[FieldError] | None]  # each value that is not allowed


class AcceptanceByDay(TypedDict):
    """Days with lists, oldest first. An answer may come later (`MARQUEE_ATTRIBUTION_HOURS`): the last days may still rise."""

    days: list[AcceptedDay]  # oldest first


class AcceptedDay(TypedDict):
    """The lists of a day."""

    day: str  # YYYY-MM-DD, UTC
    shown: int  # lists
    accepted: int  # of them, those from which somebody took an item
    rate: float  # accepted / shown
    low: float  # lower end of the 95 % interval of the rate; lists of one user count as dependent
    high: float  # upper end


class CheckResult(TypedDict):
    """What a probe found."""

    status: Literal["up", "degraded", "down"]  # degraded: something else answers in its place
    detail: str  # for people


class ConsumerState(TypedDict):
    """How far the stream consumer is behind the event log."""

    lag: int | None  # events that are not in the users' features yet; null: the log does not answer
    groups: dict[str, int | None]  # the same for each consumer group: features, lake, learner
    statistics_at: float | None  # Unix seconds at which it last published statistics; null: never


class Decisions(TypedDict):
    """The latest decisions, oldest first."""

    decisions: list[WatchDecision]  # oldest first


class DrawnAgain(TypedDict):
    """Whether the list came out again."""

    identical: bool  # every item, score and propensity, bit for bit
    filled_up: int  # positions behind the last candidate, filled with what was popular
    differences: list[str]  # what differs, for people
    unchecked: list[str]  # why nothing could be compared


class ExperimentChanged(TypedDict):
    """What was asked for."""

    experiment: str  # its name
    state: Literal["running", "stopped"]  # that it has now
    dry_run: bool  # whether it was only checked


class ExperimentState(TypedDict):
    """An A/B experiment, and its latest run. Times are Unix seconds."""

    name: str  # of the experiment
    state: Literal["defined", "running", "stopped", "faulty"]  # faulty: its file cannot be read
    layer: NotRequired[str | None]  # that it belongs to; experiments of one layer share no user
    buckets: NotRequired[list[int] | None]  # first, and the one after the last, of 1,000 of the layer
    question: NotRequired[str]  # that it answers
    shares: NotRequired[dict[str, float]]  # share of the experiment's users, by variant
    since: NotRequired[float | None]  # when it was started last; null if never
    until: NotRequired[float | None]  # when it was stopped; null while it runs
    actor: NotRequired[str]  # who started or stopped it last
    why: NotRequired[str]  # the reason that was given
    fault: NotRequired[str]  # what is wrong with its file


class ExperimentStates(TypedDict):
    """Every experiment that has a file or was ever started, by name."""

    experiments: list[ExperimentState]  # by name


class GateAnswer(TypedDict):
    """One check of the gate."""

    name: str  # what was looked at
    passed: bool  # whether it is good enough
    detail: str  # the figures


class LearningState(TypedDict):
    """Online learning on top of the release."""

    enabled: bool  # MARQUEE_LEARN
    release: str  # on which it learns
    version: int  # of the item vectors that are served; 0: the release's own
    updated_at: float | None  # Unix seconds of the last change; null: none since the release


class LedgerMove(TypedDict):
    """What happened to a release, as the promotion ledger has it."""

    number: int  # of the entry, from 1
    at: float  # Unix seconds
    action: str  # registered, promoted, refused, rolled back, moved by hand, pointed, stopped, found
    version: str  # empty where an alias was removed
    release: str | None  # name of the release; null where it is not known
    alias: str | None  # that was moved
    actor: str  # the key, the person at the command line, or the watchdog
    why: str  # the reason that was given
    outcome: Literal["done", "refused", "not done"]  # not done: the registry refused the move afterwards


class ListedRelease(TypedDict):
    """A version of the registry."""

    version: str  # number in the registry, for promotion
    name: str | None  # of the release; null where the registry does not say
    created: float  # Unix seconds of its registration
    aliases: list[str]  # candidate, staging, canary, production, previous
    metrics: dict[str, float]  # of held-out events, as the registry has them
    gate: Literal["passed", "failed", "none"]  # what the gate said last; none: it was not asked yet
    why: str | None  # the checks that failed, or why it cannot be served


class Live(TypedDict):
    """That the process answers."""

    status: Literal["up"]  # always up


class MadeBy(TypedDict):
    """The release that made a list."""

    name: str  # of the release
    gone: str | None  # why it cannot be read any more; null if it can
    data_version: NotRequired[dict[str, int] | None]  # versions of the lake's tables that it learned from
    code_version: NotRequired[str | None]  # that it was built with
    trained_until: NotRequired[float | None]  # Unix seconds of the latest event that it learned from


class OperatorStatus(TypedDict):
    """What works in the background."""

    consumer: ConsumerState  # of the event stream
    learning: LearningState  # between two releases
    retraining: RetrainingState  # of the next release


class Promoted(TypedDict):
    """A release that passed the gate."""

    version: str  # number in the registry
    release: str  # name of the release
    dry_run: bool  # whether it was only judged
    checks: list[GateAnswer]  # what the gate looked at


class Provenance(TypedDict):
    """Where a list came from; what was not stored is null."""

    request_id: str  # of the list
    user: int  # the user's key
    at: float  # Unix seconds, UTC
    arm: str  # the user's arm of the experiments
    release: MadeBy  # that made it
    policy: dict[str, str | None]  # id, and all of its settings as JSON in `body`
    code_version: str | None  # that served the list
    seed: str | None  # of the exploration, 16 hex digits
    page: dict[str, int] | None  # size and offset
    statistics_as_of: float | None  # Unix seconds of the statistics that it was made with
    learned_version: int | None  # of the learned item vectors; 0: the release's own
    features: dict[str, Any] | None  # of the user, as they were read; null for one without any
    items: list[ShownItem]  # in their order
    drawn_again: DrawnAgain  # whether it can be repeated


class Ready(TypedDict):
    """Per dependency; 503 when nothing can be served."""

    status: Literal["up", "degraded", "down"]  # of all together
    checks: dict[str, CheckResult]  # by dependency


class Releases(TypedDict):
    """The registry, newest version first, and the latest moves, newest first."""

    serving: str  # the release that this process serves to most users
    releases: list[ListedRelease]  # newest version first
    moves: list[LedgerMove]  # newest first


class RetrainingAsked(TypedDict):
    """A retraining that was asked for."""

    trigger: str  # manual
    reasons: list[str]  # that were given
    detail: str  # what happens now, and which rules were overridden


class RetrainingState(TypedDict):
    """Whether a release is being made, and whether one may be asked for."""

    # ready: one may be asked for; waiting: `reason` says for what; unattended: no watchdog would take it up
    state: Literal["running", "ready", "waiting", "unattended"]
    reason: str  # why one may start now, or why not
    next_at: float | None  # Unix seconds from which one may start; null where no time says when
    running: RunningRetraining | None  # null where none runs
    outcome: str  # of the last one
    ended_at: float | None  # Unix seconds at which the last one ended; null: there was none
    failures: int  # since the last one that went into production


class RolledBack(TypedDict):
    """What is production again."""

    version: str  # number in the registry
    release: str  # name of the release; empty where its bundle cannot be read
    dry_run: bool  # whether nothing was done


class RunningRetraining(TypedDict):
    """The attempt that runs."""

    trigger: str  # drift, reward, accuracy, schedule, volume or manual
    reasons: list[str]  # why it was started
    started_at: float  # Unix seconds


class ShownItem(TypedDict):
    """One position of a list, as its impression says."""

    item_id: Id  # id of the item
    key: int  # number that stands for it inside
    position: int  # in the list, from 0
    propensity: float  # probability with which the policy put it there
    score: float  # of the last scorer
    explored: bool  # whether it was put there to try it


class Version(TypedDict):
    """What is served, and by what."""

    release: str  # name of the release
    policy: str  # id of the policy of the experiment's largest arm
    created: str  # when the release was built (ISO 8601)
    code_version: str  # of the running code
    release_code_version: str  # of the code that built the release
    data_version: dict[str, int]  # lake table -> Delta version that training saw
    trained_until: float  # Unix seconds of the latest event that it learned from
    feature_schema: str  # hash of the features that it reads
    metrics: dict[str, float]  # of held-out events


class WatchDecision(TypedDict):
    """One check of the watchdog. Times are Unix seconds."""

    at: float  # when
    verdict: str  # what was found
    reasons: list[str]  # why
    action: str  # what the watchdog did
    next_at: float  # when it looks again
    release: str | None  # that behaviour was compared with; null if none could be read
