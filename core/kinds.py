"""Event kinds: one table says what each kind means, and everything else that depends on a kind is derived from it.

A new kind is one new line of `Kind`, with the next free code. Codes are the encoding of `kind` in stored features and in
models, so a line is never removed and never gets another code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The values that an event may carry, from `low` to `high`, both allowed."""

    low: float
    high: float
    unit: str

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def __str__(self) -> str:
        return f"{self.low} to {self.high} {self.unit}"


STARS = ValueRange(0.5, 5.0, "stars")
MINUTES = ValueRange(0.0, 1440.0, "minutes")


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What one kind of event means."""

    code: int
    value: ValueRange | None = None  # None: an event of this kind carries no value
    value_required: bool = True  # whether an event of a kind with a value range may leave the value out
    consumes: bool = False  # the item is not recommended to that user again
    target: bool = True  # a model learns to predict it; the others are read as history only
    refuses: bool = False  # a negative signal: it does not make an item popular
    accepts: bool = False  # as a response to a list it counts as acceptance
    clicks: bool = False  # as a response to a list it counts as click-through
    weight: float = 0.0  # default affinity that one event adds to the genres of its item
    rarity_bonus: bool = False  # that affinity grows the less popular the item is
    enjoyed_from: float | None = None  # minimum value that shows that the user enjoyed the item; None: no value does

    def complaint(self, kind: str, value: float | None) -> str | None:
        """Why an event of this kind cannot carry `value`, or None."""
        if self.value is None:
            return None if value is None else f"value is {value!r}; allowed: none for kind '{kind}'"
        if value is None and not self.value_required:
            return None
        if value is None or not self.value.low <= value <= self.value.high:
            return f"value is {value!r}; allowed: {self.value} for kind '{kind}'"
        return None


class Kind(StrEnum):
    """What a user did with an item."""

    spec: KindSpec

    def __new__(cls, name: str, spec: KindSpec) -> Kind:
        kind = str.__new__(cls, name)
        kind._value_ = name
        kind.spec = spec
        return kind

    VIEW = "view", KindSpec(0, weight=0.05)
    CLICK = "click", KindSpec(1, accepts=True, clicks=True, weight=0.1)
    WATCH = "watch", KindSpec(2, value=MINUTES, consumes=True, accepts=True, weight=0.5, enjoyed_from=20.0)
    RATING = "rating", KindSpec(3, value=STARS, consumes=True, accepts=True, weight=1.0, enjoyed_from=3.5)
    PURCHASE = "purchase", KindSpec(4, consumes=True, accepts=True, weight=1.0, enjoyed_from=0.0)
    WATCHLIST_ADD = "watchlist_add", KindSpec(5, accepts=True, weight=1.0, rarity_bonus=True, enjoyed_from=0.0)
    WATCHLIST_REMOVE = "watchlist_remove", KindSpec(6, target=False, refuses=True)
    SEARCH = "search", KindSpec(7, target=False, weight=0.2)
    REVIEW = (
        "review",
        KindSpec(8, value=STARS, value_required=False, consumes=True, accepts=True, weight=1.0, enjoyed_from=3.5),
    )
    SKIP = "skip", KindSpec(9, consumes=True, target=False, refuses=True)


KINDS: tuple[Kind, ...] = tuple(Kind)  # by code
KIND_CODE: dict[str, int] = {kind.value: kind.spec.code for kind in KINDS}

CONSUMING = frozenset(kind for kind in KINDS if kind.spec.consumes)
TARGETS = frozenset(kind for kind in KINDS if kind.spec.target)
VERDICTS = TARGETS | CONSUMING  # the user decided for or against the item; the other kinds are neutral
REFUSING = frozenset(kind for kind in KINDS if kind.spec.refuses)
ACCEPTING = frozenset(kind for kind in KINDS if kind.spec.accepts)
CLICKS = frozenset(kind for kind in KINDS if kind.spec.clicks)
LOOKS = frozenset(kind for kind in TARGETS - CONSUMING if kind.spec.enjoyed_from is None)  # attention without a verdict
STARRED = frozenset(kind for kind in KINDS if kind.spec.value is STARS)
TIMED = frozenset(kind for kind in KINDS if kind.spec.value is MINUTES)


def codes(kinds: Iterable[Kind]) -> list[int]:
    """The codes of these kinds, ascending."""
    return sorted(kind.spec.code for kind in kinds)


def value_rules() -> str:
    """Which values are allowed for which kinds, in words."""
    kinds_of: dict[ValueRange, list[str]] = {}
    for kind in KINDS:
        if kind.spec.value is not None:
            kinds_of.setdefault(kind.spec.value, []).append(kind.value)
    rules = [f"{r.low:g} to {r.high:g} {r.unit} for {' and '.join(names)}" for r, names in kinds_of.items()]
    return ", ".join([*rules, "none for other kinds"])
