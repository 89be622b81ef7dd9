"""The event contract: what happened (`Interaction`), what was shown (`Impression`) and how (`ListMade`), by `request_id`.

The link is the point: counterfactual evaluation, acceptance rate and online learning all depend on it. Propensities
cannot be added to past traffic, so they are in the first version. Golden JSON lives in `tests/unit/core/golden`.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.ids import Id
from core.kinds import Kind, value_rules

INTERACTIONS = "marquee.interactions"
IMPRESSIONS = "marquee.impressions"
LISTS = "marquee.lists"
DEADLETTER = "marquee.deadletter"
TOPICS = (INTERACTIONS, IMPRESSIONS, LISTS, DEADLETTER)

MAX_SKEW_SECONDS = 300.0  # how far ahead of our clock a client's clock may be
EARLIEST_SECONDS = 631_152_000.0  # 1990-01-01: before it nobody streamed; a clock that was never set says 1970
ID_PATTERN = r"^[A-Za-z0-9_.:\-]{1,64}$"

Token = Annotated[str, Field(pattern=ID_PATTERN)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _new_id() -> str:
    return uuid.uuid4().hex


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = Field(1, description="of the event's contract")


class Interaction(_Event):
    """One thing a user did with one item at one time.

    `event_id` makes delivery idempotent, `ts` is Unix seconds in UTC, `value` is what the kind's table entry allows, and
    `request_id` names the list that this interaction answers.
    """

    event_id: Token = Field(default_factory=_new_id, description="unique per event; repeat it to retry safely")
    user_id: Id = Field(description="who did it")
    item_id: Id = Field(description="with which item")
    kind: Kind = Field(description="what was done")
    value: Finite | None = Field(default=None, description=value_rules())
    ts: Finite = Field(default_factory=time.time, ge=0, description="Unix seconds, UTC; now if left out")
    request_id: Token | None = Field(default=None, description="the recommendation list that this answers")

    @model_validator(mode="after")
    def _value_fits_kind(self) -> Interaction:
        complaint = self.kind.spec.complaint(self.kind.value, self.value)
        if complaint is not None:
            raise ValueError(complaint)
        return self


class Impression(_Event):
    """One item shown at one position of one list. Since version 4 the items of a page are logged together, as a `ShownPage`.

    `propensity` is the probability with which `policy` put this item at this position, given the items above it, and
    `explored` says that it was not the best remaining candidate. `label` is that of the slot which placed the item, and null
    where nobody placed it. Version 1 had no `explored`, and `policy` was the name of the selector alone; since version 2 it is
    the id of the whole policy (`recommender.policy`). Before version 3 there was no `label`.
    """

    schema_version: Literal[1, 2, 3] = 3  # type: ignore[assignment]  # wider than the other event's
    request_id: Token
    user_id: Id
    item_id: Id
    position: int = Field(ge=0, le=99)
    propensity: float = Field(gt=0, le=1)
    score: Finite
    policy: str
    arm: str
    model_version: str
    ts: Finite = Field(ge=0)
    explored: bool | None = None  # None in version 1
    label: str | None = Field(None, max_length=32)

    @model_validator(mode="after")
    def _require_explored(self) -> Impression:
        if self.schema_version > 1 and self.explored is None:
            raise ValueError("explored is missing; allowed: true or false from version 2 on")
        return self

    @property
    def event_id(self) -> str:
        """The idempotency key: a list shows one item per position."""
        return f"{self.request_id}:{self.position}"


class ShownPage(_Event):
    """The items of one page of one list, from position `offset` on: version 4 of the impressions' contract.

    The columns are as long as `item_ids`, and mean what they mean in an `Impression`; no `labels` where nobody placed an item.
    One record costs a twentieth of twenty, for the answer that waits and for everybody who reads it.
    """

    schema_version: Literal[4] = 4  # type: ignore[assignment]  # narrower than the other event's
    request_id: Token
    user_id: Id
    policy: str
    arm: str
    model_version: str
    ts: Finite = Field(ge=0)
    offset: int = Field(ge=0, le=99)
    item_ids: list[Id] = Field(min_length=1, max_length=100)
    propensities: list[Annotated[float, Field(gt=0, le=1)]]
    scores: list[Finite]
    explored: list[bool]
    labels: list[Annotated[str, Field(max_length=32)] | None] | None = None

    @model_validator(mode="after")
    def _columns_are_as_long(self) -> ShownPage:
        for name in ("propensities", "scores", "explored", "labels"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.item_ids):
                raise ValueError(f"{name} has {len(column)} values; allowed: one for each of the {len(self.item_ids)} item_ids")
        return self

    @property
    def event_id(self) -> str:
        """The idempotency key: a list shows a position once."""
        return f"{self.request_id}:{self.offset}"

    def impressions(self) -> list[Impression]:
        """One for each position."""
        same = {name: getattr(self, name) for name in ("request_id", "user_id", "policy", "arm", "model_version", "ts")}
        labels = self.labels or [None] * len(self.item_ids)
        columns = zip(self.item_ids, self.propensities, self.scores, self.explored, labels, strict=True)
        return [
            Impression.model_construct(
                **same, item_id=item, position=position, propensity=propensity, score=score, explored=explored, label=label
            )
            for position, (item, propensity, score, explored, label) in enumerate(columns, self.offset)
        ]


class MadeFrom(BaseModel):
    """What one list was made from, as far as nothing else stores it: enough to draw it again bit for bit (`docs/exploration.md`).

    `features` is the user's record as it was read (`feature_repo.record`), in base64; None where there was none. `drawn_from` are
    the candidates that its policy drew from (`recommender.drawn_from`), in base64.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    code_version: str
    seed: str = Field(pattern="^[0-9a-f]{16}$")
    size: int = Field(ge=1, le=100)
    offset: int = Field(ge=0, le=99)
    statistics_as_of: Finite = Field(ge=0)
    learned_version: int = Field(ge=0)
    features: str | None = None
    drawn_from: str


class ListMade(_Event):
    """How one list was made, which is what a new release is watched by while it is let in.

    `model_version` is the release of the user's arm. `failed` says that it could not make the list, and the production release
    did. A `shadow` list answers the same request as the one that was shown, and nobody saw it; `overlap` is then the share of its
    items that the shown list has as well.
    """

    request_id: Token
    user_id: Id
    arm: str
    model_version: str
    ts: Finite = Field(ge=0)
    seconds: Finite = Field(ge=0)
    failed: bool = False
    degraded: bool = False
    shadow: bool = False
    overlap: float | None = Field(None, ge=0, le=1)
    # None of a shadow, and of lists of before it was stored
    made_from: MadeFrom | None = Field(None, exclude_if=lambda stored: stored is None)

    @property
    def event_id(self) -> str:
        """The idempotency key: a request has one list that is shown, and at most one shadow."""
        return f"{self.request_id}:{'shadow' if self.shadow else 'list'}"


@dataclass(frozen=True)
class ClockRule:
    """Which event times are believed: not before `earliest` (Unix seconds), not more than `skew` seconds from now."""

    skew: float = MAX_SKEW_SECONDS
    earliest: float = EARLIEST_SECONDS


DEFAULT_CLOCK_RULE = ClockRule()


def check_clock(event: Interaction, now: float, rule: ClockRule = DEFAULT_CLOCK_RULE) -> str | None:
    """Why an event's time cannot be true at `now` (Unix seconds), or None."""
    if rule.earliest <= event.ts <= now + rule.skew:
        return None
    return f"ts is {event.ts!r}; allowed: {rule.earliest:.0f} to {now + rule.skew:.0f} (now plus {rule.skew:.0f} s of clock skew)"
