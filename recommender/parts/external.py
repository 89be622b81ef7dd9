"""Source: a service of the company's own, asked over HTTP within the source's time-out."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError

from core.errors import DependencyUnavailable
from core.ids import Id
from recommender.live import Snapshot
from recommender.parts.part import SourceConfig
from recommender.roles import Eligible, Fetched, Query

if TYPE_CHECKING:
    import httpx  # imported where a policy has such a source: no other needs it

MAX_BYTES = 1_000_000  # of an answer
_log = logging.getLogger(__name__)


class ExternalConfig(SourceConfig):
    """Candidates of another service. It is asked `GET <url>?user_id=…&k=…` and answers `{"items": [{"item_id": …, "score": …}]}`,
    best first; ids are the company's, the score may be left out."""

    blocks: ClassVar[bool] = True
    part: Literal["external"] = "external"
    url: HttpUrl = Field(description="http or https address of the service")

    def build(self, now: Snapshot) -> ExternalSource:
        return ExternalSource(now, self.k, str(self.url), self.timeout_ms / 1e3)


@cache
def _client() -> httpx.Client:
    """One for the process: a recommender is replaced every few seconds, its connections stay."""
    import httpx

    return httpx.Client(follow_redirects=False)


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore")

    item_id: Id
    score: float | None = Field(None, allow_inf_nan=False)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    items: list[_Item]


class ExternalSource:
    """What the service names, as far as it is in the catalogue and eligible. Unknown items are counted in the debug log."""

    name = "external"

    def __init__(self, now: Snapshot, k: int, url: str, timeout: float) -> None:
        self._now = now
        self._k = k
        self._url = url
        self._timeout = timeout

    def fetch(self, query: Query, eligible: Eligible) -> Fetched:
        """Scores are the service's, or minus the position where it gives none. Raises DependencyUnavailable."""
        answer = self._ask(query)
        keys = [self._now.facts.key_ever(item.item_id) for item in answer.items]
        rows = self._now.catalogue.rows(keys) if keys else np.empty(0, dtype=np.intp)
        scores = np.array(
            [-float(at) if item.score is None else item.score for at, item in enumerate(answer.items)], dtype=np.float32
        )
        known = np.flatnonzero(rows >= 0)
        if len(known) < len(rows):
            _log.debug("%s named %d items that the release does not know", self._url, len(rows) - len(known))
        known = known[eligible[rows[known]]]
        _, first = np.unique(rows[known], return_index=True)
        kept = known[np.sort(first)]
        best = kept[np.argsort(-scores[kept], kind="stable")][: self._k]
        return Fetched(rows[best], scores[best], spread=float(scores.std()) or 1.0)

    def _ask(self, query: Query) -> _Answer:
        import httpx

        try:
            asked: dict[str, str | int] = {"user_id": str(query.shown_user), "k": self._k}
            response = _client().get(self._url, params=asked, timeout=self._timeout)
            response.raise_for_status()
            if len(response.content) > MAX_BYTES:
                raise DependencyUnavailable(self.name, f"{self._url}: {len(response.content):,} bytes; at most {MAX_BYTES:,}")
            return _Answer.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            shown = str(error).splitlines()[0]
            raise DependencyUnavailable(self.name, f"{self._url}: {shown}", "see the log of that service") from error
