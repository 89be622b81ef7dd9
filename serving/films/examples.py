"""Example answers for the OpenAPI document; a test holds them to the models."""

from __future__ import annotations

from serving import examples

_FILM = {"item_id": 318, "title": "Shawshank Redemption, The (1994)", "genres": ["Crime", "Drama"], "year": 1994, "poster": None}
_TIES = [{"code": "next", "text": "People often go on from one to the other"}, {"code": "genres", "text": "Also Crime, Drama"}]
SHELF = {"items": [_FILM | {"score": 7.25}]}
NEW = {"items": [_FILM | {"score": 1.5, "since": 1_790_000_000.0}]}
SIMILAR = {"item_id": 858, "items": [_FILM | {"score": 0.83, "reasons": _TIES}]}
SEARCH = {
    "query": "shawshnk",
    "corrected": "shawshank",
    "items": [_FILM | {"score": 4.9, "matched": {"field": "title", "text": "Shawshank Redemption, The (1994)"}}],
}
GENRES = {"genres": [{"name": "Drama", "items": 4361}, {"name": "Comedy", "items": 3756}]}
PERSON = {"name": "Morgan Freeman", "items": [_FILM | {"score": 317.0}]}
QUESTIONS = {"items": [_FILM], "genres": ["Comedy", "Drama"], "people": ["Morgan Freeman"], "age_bands": ["18-24", "25-34"]}
RANKED = {
    "request_id": "0f8fad5bd9cb469fa16570867728950e",
    "strategy": "two_tower",
    "items": [_FILM | {"score": 2.31, "reasons": [{"code": "popular", "text": "Popular now"}]}],
    "left_out": [50],
}
SESSION = examples.LIST | {"user_id": "session-0f8fad5bd9cb469fa16570867728950e", "ignored": []}
MAP = {"release": "20261120-221530-1a2b3c", "genres": ["Crime", "Drama"], "items": [318], "x": [0.31], "y": [-0.12], "genre": [0]}
PATH = {"release": "20261120-221530-1a2b3c", "now": [0.2, 0.4], "path": [{"ts": 1_790_000_000.0, "x": 0.2, "y": 0.4}]}
