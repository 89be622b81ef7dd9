"""The roles of a pipeline's parts, and what they pass to each other.

filter -> source -> hydrator -> scorer -> selector; then side effects act on the finished list

Filters come first: they say which items of the catalogue may be shown at all, once per request, and every later part, the
fill-up included, stays within that. So no part can bring back what a filter dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.features import UserFeatures
from core.ids import ExternalId
from recommender.candidates import Candidates
from recommender.drawn_from import Reach
from recommender.exposure import Exposure
from recommender.paging import NOTHING_SHOWN, Shown

Eligible = NDArray[np.bool_]  # [n items of the release]: which may be shown


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a request asks of every item of its list. An item of which something is unknown meets no condition on it."""

    genres: tuple[str, ...] = ()  # at least one of them
    exclude: frozenset[int] = frozenset()  # item keys
    min_year: int | None = None
    max_year: int | None = None
    max_maturity: int | None = None  # age in years
    languages: tuple[str, ...] = ()  # one of them
    only: frozenset[int] | None = None  # item keys: one of these, where the list is to order what it is given

    def __bool__(self) -> bool:
        return self != NO_CONSTRAINTS


NO_CONSTRAINTS = Constraints()


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of a request: the user's arm of the running experiment, what the list must keep to, and whether the
    feature store answered; where it did not, the user's features may be the last known ones."""

    arm: str = "control"
    constraints: Constraints = Constraints()
    features_answered: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """`size` positions of the list, from position `offset` on."""

    size: int = 20
    offset: int = 0

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One request for a list. `user_id` is the user's key (`core.ids`), `seed` makes exploration reproducible, and `user` is None
    for a user never seen."""

    request_id: str
    user_id: int
    now: float  # Unix seconds
    seed: int
    user: UserFeatures | None = None
    page: Page = Page()
    context: Context = Context()
    user_vector: NDArray[np.float32] | None = None  # [d], where the caller has encoded the user already
    shown: Shown = NOTHING_SHOWN  # of the same list, on other pages
    exposure: Exposure | None = None  # what the user was shown of late, where the policy goes by it
    above: int = 0  # positions of the list that are settled, and that `page` does not count
    external_id: ExternalId | None = None  # what the company calls the user; `user_id` if left out

    @property
    def shown_user(self) -> ExternalId:
        """The user as answers and logs name them."""
        return self.user_id if self.external_id is None else self.external_id


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """What a source found: catalogue rows [n] and scores [n], best first, and features [n] by name.

    `spread` is the standard deviation of the source's scores over the whole catalogue for this user: what makes the scores of
    different sources comparable. A source that is never blended with another one need not know it.
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    spread: float = 1.0

    @classmethod
    def nothing(cls) -> Fetched:
        return cls(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The list: columns [m], best first.

    `propensities` are the probabilities with which the policy put each item at its position, given the items above;
    `explored` marks positions that did not get the best remaining candidate.
    """

    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    propensities: NDArray[np.float32]
    explored: NDArray[np.bool_]
    sources: tuple[str, ...] = ()  # the pipeline's sources, in order
    found: NDArray[np.bool_] = field(default_factory=lambda: np.empty((0, 0), dtype=np.bool_))  # [m, len(sources)]
    policy_id: str = ""
    reach: Reach | None = None  # what it was drawn from
    over_cap: int = 0  # positions at which the selector's caps gave way, because they forbade every candidate
    labels: tuple[str, ...] = ()  # [m] where there are slots: what each is called, "" for an item that was not placed

    def __len__(self) -> int:
        return len(self.rows)

    def found_by(self, *names: str) -> NDArray[np.bool_]:
        """Which items any of these sources had found. [m]"""
        columns = [self.sources.index(name) for name in names if name in self.sources]
        return np.asarray(self.found[:, columns].any(axis=1), dtype=np.bool_)

    def positions(self, page: Page) -> Selection:
        """The positions of one page."""
        at = slice(page.offset, page.end)
        return replace(
            self,
            rows=self.rows[at],
            scores=self.scores[at],
            propensities=self.propensities[at],
            explored=self.explored[at],
            found=self.found[at],
            labels=self.labels[at],
        )


class Filter(Protocol):
    """Says what may not be shown."""

    name: str

    def narrow(self, query: Query, eligible: Eligible) -> None:
        """Set what must not be shown to False, in place."""


class Source(Protocol):
    """Fetches candidates. May block: it runs in a thread under a time-out.

    What it finds does not depend on the query's page: the first positions of a list are the same, however many are asked for.
    """

    name: str

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Eligible rows, best first. Raises DependencyUnavailable."""


class Hydrator(Protocol):
    """Attaches features to candidates."""

    name: str

    def hydrate(self, query: Query, candidates: Candidates) -> Candidates: ...


class Scorer(Protocol):
    """Gives each candidate its final score."""

    name: str

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]: ...


class Selector(Protocol):
    """Orders candidates, explores, and sets the propensity of each of the first `query.page.end` positions.

    A longer list begins with the shorter one.
    """

    name: str

    def select(self, query: Query, candidates: Candidates) -> Selection: ...

    def propensities(self, query: Query, candidates: Candidates, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """The exact probability [m] with which each position of a given list of catalogue `rows` [m] gets its item, given those
        above it; 0 for an item that is not among the candidates. Of the list that `select` made they are what it said."""
