"""Response schemas of the routes for operators, and of the words of the domain; for OpenAPI only, as `serving.models`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from core.domain import Stars, Words


class Links(BaseModel):
    """Where people find what this page does not show; null where the settings name no address."""

    mlflow: str | None = Field(description="the pages of MLflow: runs and releases")
    grafana: str | None = Field(description="dashboards")
    docs: str = Field(description="the description of this API")


class DomainWords(BaseModel):
    """What is recommended here, in words."""

    name: str = Field(description="what the page is called")
    words: Words = Field(description="what things are called here")
    stars: Stars = Field(description="how people rate")
    links: Links = Field(description="where to find more")


class ListedRelease(BaseModel):
    """A version of the registry."""

    version: str = Field(description="number in the registry, for promotion")
    name: str | None = Field(description="of the release; null where the registry does not say")
    created: float = Field(description="Unix seconds of its registration")
    aliases: list[str] = Field(description="candidate, staging, canary, production, previous")
    metrics: dict[str, float] = Field(description="of held-out events, as the registry has them")
    gate: Literal["passed", "failed", "none"] = Field(description="what the gate said last; none: it was not asked yet")
    why: str | None = Field(description="the checks that failed, or why it cannot be served")


class LedgerMove(BaseModel):
    """What happened to a release, as the promotion ledger has it."""

    number: int = Field(description="of the entry, from 1")
    at: float = Field(description="Unix seconds")
    action: str = Field(description="registered, promoted, refused, rolled back, moved by hand, pointed, stopped, found")
    version: str = Field(description="empty where an alias was removed")
    release: str | None = Field(description="name of the release; null where it is not known")
    alias: str | None = Field(description="that was moved")
    actor: str = Field(description="the key, the person at the command line, or the watchdog")
    why: str = Field(description="the reason that was given")
    outcome: Literal["done", "refused", "not done"] = Field(description="not done: the registry refused the move afterwards")


class Releases(BaseModel):
    """The registry, newest version first, and the latest moves, newest first."""

    serving: str = Field(description="the release that this process serves to most users")
    releases: list[ListedRelease] = Field(description="newest version first")
    moves: list[LedgerMove] = Field(description="newest first")


class GateAnswer(BaseModel):
    """One check of the gate."""

    name: str = Field(description="what was looked at")
    passed: bool = Field(description="whether it is good enough")
    detail: str = Field(description="the figures")


class Promoted(BaseModel):
    """A release that passed the gate."""

    version: str = Field(description="number in the registry")
    release: str = Field(description="name of the release")
    dry_run: bool = Field(description="whether it was only judged")
    checks: list[GateAnswer] = Field(description="what the gate looked at")


class RolledBack(BaseModel):
    """What is production again."""

    version: str = Field(description="number in the registry")
    release: str = Field(description="name of the release; empty where its bundle cannot be read")
    dry_run: bool = Field(description="whether nothing was done")


class AcceptedDay(BaseModel):
    """The lists of a day."""

    day: str = Field(description="YYYY-MM-DD, UTC")
    shown: int = Field(description="lists")
    accepted: int = Field(description="of them, those from which somebody took an item")
    rate: float = Field(description="accepted / shown")
    low: float = Field(description="lower end of the 95 % interval of the rate; lists of one user count as dependent")
    high: float = Field(description="upper end")


class AcceptanceByDay(BaseModel):
    """Days with lists, oldest first. An answer may come later (`MARQUEE_ATTRIBUTION_HOURS`): the last days may still rise."""

    days: list[AcceptedDay] = Field(description="oldest first")


class ConsumerState(BaseModel):
    """How far the stream consumer is behind the event log."""

    lag: int | None = Field(description="events that are not in the users' features yet; null: the log does not answer")
    groups: dict[str, int | None] = Field(description="the same for each consumer group: features, lake, learner")
    statistics_at: float | None = Field(description="Unix seconds at which it last published statistics; null: never")


class LearningState(BaseModel):
    """Online learning on top of the release."""

    enabled: bool = Field(description="MARQUEE_LEARN")
    release: str = Field(description="on which it learns")
    version: int = Field(description="of the item vectors that are served; 0: the release's own")
    updated_at: float | None = Field(description="Unix seconds of the last change; null: none since the release")


class RunningRetraining(BaseModel):
    """The attempt that runs."""

    trigger: str = Field(description="drift, reward, accuracy, schedule, volume or manual")
    reasons: list[str] = Field(description="why it was started")
    started_at: float = Field(description="Unix seconds")


class RetrainingState(BaseModel):
    """Whether a release is being made, and whether one may be asked for."""

    state: Literal["running", "ready", "waiting", "unattended"] = Field(
        description="ready: one may be asked for; waiting: `reason` says for what; unattended: no watchdog would take it up"
    )
    reason: str = Field(description="why one may start now, or why not")
    next_at: float | None = Field(description="Unix seconds from which one may start; null where no time says when")
    running: RunningRetraining | None = Field(description="null where none runs")
    outcome: str = Field(description="of the last one")
    ended_at: float | None = Field(description="Unix seconds at which the last one ended; null: there was none")
    failures: int = Field(description="since the last one that went into production")


class OperatorStatus(BaseModel):
    """What works in the background."""

    consumer: ConsumerState = Field(description="of the event stream")
    learning: LearningState = Field(description="between two releases")
    retraining: RetrainingState = Field(description="of the next release")
