"""What this installation has, for the examples of the OpenAPI document."""

from __future__ import annotations

import numpy as np

from serving.http.try_out import Known
from serving.routes.api import Api

ITEMS, GENRES = 5, 3


def known_here(api: Api) -> Known:
    """The most popular items that may be shown, and the latest list of this process."""
    host = api.service.host
    now, usual = host.main.snapshot, Known()
    best = now.catalogue.ids[now.popularity.best(np.ones(len(now.catalogue), dtype=np.bool_), 10 * ITEMS)]
    facts = host.facts
    shown = [facts.id_of(int(key)) for key in best if (row := facts.row(int(key))) >= 0 and facts.shown[row]]
    return Known(
        users=tuple(api.example_users[:1]) or usual.users,
        items=tuple(shown[:ITEMS]) or usual.items,
        title=facts.title(facts.row(facts.key_of(shown[0]))) if shown else usual.title,
        person=next(iter(api.films.people_to_ask(1)), usual.person),
        genres=tuple(now.catalogue.genre_names[:GENRES]),
        version=host.version or usual.version,
        request_id=api.service.shown.latest or usual.request_id,
    )
