"""Where a list of the past came from: everything on record about one request, and the list drawn again."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from core import columns as c
from core.errors import MarqueeError, NotFound
from core.events import MadeFrom
from core.features import UserFeatures
from core.ids import ExternalId, shown
from core.ports import ModelRegistry
from lake.items_feed import keys_of_ids
from lake.ports import Lake
from lake.recent import of_request
from lake.tables import IMPRESSIONS, LISTS, POLICIES, read_or_empty

if TYPE_CHECKING:
    from recommender.release import Release

# The release of this name. Raises MarqueeError for one that is gone or cannot be read any more.
OpenRelease = Callable[[str], "Release"]


def provenance(lake: Lake, open_release: OpenRelease, request_id: str) -> dict[str, Any]:
    """As JSON: release, data, code, policy, features, seed, candidates and the list, drawn again and compared with the log.

    Raises NotFound for a request without a list on record, and DependencyUnavailable.
    """
    from recommender.provenance import LoggedItem, draw_again

    rows = of_request(lake, IMPRESSIONS, request_id).sort(c.POSITION)
    if rows.is_empty():
        detail = f"no list with the request id {request_id} is on record; one of the last seconds is not there yet"
        raise NotFound(detail, asked_for=request_id)
    first = rows.row(0, named=True)
    stored = _stored(of_request(lake, LISTS, request_id))
    body = _policy(lake, first[c.POLICY])
    names = (c.ITEM, c.POSITION, c.PROPENSITY, c.SCORE, c.EXPLORED)
    logged = [LoggedItem(*row) for row in rows.select(names).iter_rows()]
    release, gone = _release(open_release, first[c.MODEL_VERSION])
    ids: dict[int, ExternalId] = {key: id_ for id_, key in keys_of_ids(lake).items()}
    again = draw_again(first[c.POLICY], body, stored, None if release is None else release.catalogue, logged)
    return {
        "request_id": request_id,
        "user": first[c.USER],
        "at": first[c.TS],
        "arm": first[c.ARM],
        "release": _of_release(first[c.MODEL_VERSION], release, gone),
        "policy": {"id": first[c.POLICY], "body": body},
        "code_version": None if stored is None else stored.code_version,
        "seed": None if stored is None else stored.seed,
        "page": None if stored is None else {"size": stored.size, "offset": stored.offset},
        "statistics_as_of": None if stored is None else stored.statistics_as_of,
        "learned_version": None if stored is None else stored.learned_version,
        "features": _features(first[c.USER], stored),
        "items": [{"item_id": ids.get(one.key, one.key), **asdict(one)} for one in logged],
        "drawn_again": {
            "identical": again.identical,
            "filled_up": again.filled_up,
            "differences": list(again.differences),
            "unchecked": list(again.unchecked),
        },
    }


def _stored(lists: pl.DataFrame) -> MadeFrom | None:
    """Of the list that was shown."""
    found = lists.filter(~pl.col(c.SHADOW)).drop_nulls(c.MADE_FROM)
    return MadeFrom.model_validate_json(found[c.MADE_FROM][0]) if len(found) else None


def _policy(lake: Lake, policy_id: str) -> str | None:
    bodies = read_or_empty(lake, POLICIES).filter(pl.col(c.POLICY_ID) == policy_id)[c.BODY]
    return bodies[0] if len(bodies) else None


def _release(open_release: OpenRelease, name: str) -> tuple[Release | None, str | None]:
    """The release, or why it is not there."""
    try:
        return open_release(name), None
    except MarqueeError as error:
        return None, error.detail


def opener(registry: ModelRegistry) -> OpenRelease:
    """Finds releases by their names in the registry, and opens their bundles."""

    def open_named(name: str) -> Release:
        from recommender.release import open_release  # LightGBM comes with it

        for known in reversed(registry.versions()):
            if known.tags.get("release") == name:
                return open_release(registry.fetch(known.version))
        raise NotFound(f"the registry has no release {name} any more", release=name)

    return open_named


def _of_release(name: str, release: Release | None, gone: str | None) -> dict[str, Any]:
    if release is None:
        return {"name": name, "gone": gone}
    manifest = release.manifest
    known = {
        "data_version": manifest.data_version,
        "code_version": manifest.code_version,
        "trained_until": manifest.trained_until,
    }
    return {"name": name, "gone": None, **known}


def _features(user_id: int, stored: MadeFrom | None) -> dict[str, Any] | None:
    """The user's features as they were read; None for a user without any, and where they were not stored."""
    if stored is None or stored.features is None:
        return None
    from feature_repo.record import unpack

    user: UserFeatures = unpack(user_id, b64decode(stored.features))
    columns = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(user).items()}
    return {**columns, "user_id": shown(user_id, user.external_id)}
