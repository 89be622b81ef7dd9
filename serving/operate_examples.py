"""Example answers of the routes for operators; a test holds them to their models."""

from __future__ import annotations

DOMAIN = {
    "name": "Marquee",
    "words": {
        "item": "film",
        "items": "films",
        "genre": "genre",
        "genres": "genres",
        "person": "person",
        "people": "people",
        "watch": "watch",
        "watched": "watched",
        "rate": "rate",
        "rated": "rated",
        "save": "save for later",
        "saved": "saved",
        "hide": "not for me",
        "hidden": "hidden",
    },
    "stars": {"max": 5, "step": 0.5},
    "links": {"mlflow": "http://127.0.0.1:5000", "grafana": None, "docs": "/docs"},
}
RELEASES = {
    "serving": "20261127-013508-9a1b2c",
    "releases": [
        {
            "version": "2",
            "name": "20261127-013508-9a1b2c",
            "created": 1_790_000_000.0,
            "aliases": ["production"],
            "metrics": {"ndcg_at_10": 0.121, "popularity_ndcg_at_10": 0.074},
            "gate": "passed",
            "why": None,
        }
    ],
    "moves": [
        {
            "number": 5,
            "at": 1_790_000_100.0,
            "action": "promoted",
            "version": "2",
            "release": "20261127-013508-9a1b2c",
            "alias": "production",
            "actor": "key operations",
            "why": "the spring catalogue",
            "outcome": "done",
        }
    ],
}
PROMOTED = {
    "version": "2",
    "release": "20261127-013508-9a1b2c",
    "dry_run": False,
    "checks": [{"name": "quality", "passed": True, "detail": "NDCG@10 0.121, popularity 0.074"}],
}
ROLLED_BACK = {"version": "1", "release": "20261120-221530-1a2b3c", "dry_run": False}
ACCEPTANCE = {"days": [{"day": "2026-11-27", "shown": 1200, "accepted": 540, "rate": 0.45, "low": 0.41, "high": 0.49}]}
STATUS = {
    "consumer": {"lag": 0, "groups": {"features": 0, "lake": 12, "learner": 0}, "statistics_at": 1_790_000_095.0},
    "learning": {"enabled": True, "release": "20261127-013508-9a1b2c", "version": 17, "updated_at": 1_790_000_090.0},
    "retraining": {
        "state": "ready",
        "reason": "no rule is against it",
        "next_at": None,
        "running": None,
        "outcome": "version 2 is production",
        "ended_at": 1_789_990_000.0,
        "failures": 0,
    },
}
