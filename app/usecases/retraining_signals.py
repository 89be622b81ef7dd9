"""What retraining's triggers look at: events since the release's data, and what the watchdog saw people make of its lists."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

from core import columns as c
from core.errors import NotFound
from lake import tables
from lake.ports import Lake
from monitoring.journal import STATUS

MIN_SEEN = 100  # users' days, or lists with an answer, from which on a rate says something
_log = logging.getLogger(__name__)


class NewEvents:
    """Counts interactions by reading what was appended since; all of them at the first look, and when another release serves."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._follower = lake.follow(tables.INTERACTIONS, (c.TS,))
        self._since: float | None = None
        self._new = self._all = 0

    def share(self, since: float) -> float:
        """Of all events, those at or after `since` (Unix seconds). Raises NotFound, DependencyUnavailable."""
        if since != self._since:
            self._since, self._follower = since, self._lake.follow(tables.INTERACTIONS, (c.TS,))
            self._new = self._all = 0
        if (added := self._follower.look()) is not None:
            new, count = int((added.rows[c.TS] >= since).sum()), len(added.rows)
            self._new, self._all = (new, count) if added.is_snapshot else (self._new + new, self._all + count)
        if not self._all and self._lake.version(tables.INTERACTIONS) < 0:
            raise NotFound(f"the lake has no table {tables.INTERACTIONS!r}; load data with `marquee data load`")
        return self._new / max(1, self._all)


class ServedFigures(NamedTuple):
    """Of a release's lists: the share of users' days with an acceptance, and the pairwise accuracy of scores. None: not known."""

    acceptance: float | None = None
    accuracy: float | None = None


def read_served(folder: Path, release: str) -> ServedFigures:
    """From the watchdog's last status, if that is about this release and rests on enough."""
    try:
        status: dict[str, Any] = json.loads((folder / STATUS).read_bytes())
        if status["release"] != release:
            return ServedFigures()
        rate, accuracy = (status["served"][name] or {} for name in ("acceptance", "accuracy"))
        return ServedFigures(
            float(rate["per_user_day"]) if rate.get("user_days", 0) >= MIN_SEEN else None,
            float(accuracy["pairwise"]) if accuracy.get("lists", 0) >= MIN_SEEN else None,
        )
    except FileNotFoundError:  # no check yet
        return ServedFigures()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read (%r): acceptance and accuracy are not known", folder / STATUS, error)
        return ServedFigures()
