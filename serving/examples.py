"""Example answers for the OpenAPI document; a test holds them to the models."""

from __future__ import annotations

LIST = {
    "request_id": "0f8fad5bd9cb469fa16570867728950e",
    "user_id": 42,
    "cold_start": False,
    "strategy": "two_tower",
    "model_version": "20261120-221530-1a2b3c",
    "policy": "8c3e74c17b25",
    "arm": "control",
    "recommendations": [
        {
            "item_id": 318,
            "title": "Shawshank Redemption, The (1994)",
            "genres": ["Crime", "Drama"],
            "year": 1994,
            "poster": None,
            "score": 2.31,
            "reasons": [
                {"code": "history", "text": "Because you enjoyed The Green Mile (1999)", "item_id": 3147, "effect": 0.412},
                {"code": "taste", "text": "Matches your taste for Drama", "effect": 0.107},
            ],
            "found_by": ["two_tower", "transitions"],
            "label": None,
        }
    ],
    "trace": {
        "milliseconds": 6.2,
        "emptied_by": None,
        "stages": [{"stage": "source", "part": "two_tower", "returned": 200, "dropped": 0, "milliseconds": 1.4, "error": None}],
    },
}
WHY = {
    "user_id": 42,
    "item_id": 50,
    "title": "Usual Suspects, The (1995)",
    "shown": False,
    "stage": "page",
    "part": "lambdamart",
    "text": "Its score has rank 31 of 412 candidates, and the page ends with place 20",
    "position": None,
    "rank": 31,
    "score": 0.82,
    "sources": [
        {"part": "two_tower", "asked": 200, "found": True, "rank": 44},
        {"part": "transitions", "asked": 200, "found": False, "rank": 310},
        {"part": "popular", "asked": 100, "found": True, "rank": 12},
    ],
    "reasons": [{"code": "history", "text": "Because you enjoyed Seven (1995)", "item_id": 47, "effect": 0.118}],
    "model_version": "20261120-221530-1a2b3c",
    "policy": "8c3e74c17b25",
    "arm": "control",
}
RECEIPT = {
    "accepted": 1,
    "duplicates": 0,
    "quarantined": [{"index": 1, "event_id": "e-2", "reason": "item 999999 is not in the catalogue"}],
    "event_ids": ["e-1", "e-2"],
}
ITEM = {
    "item_id": 318,
    "title": "Shawshank Redemption, The (1994)",
    "genres": ["Crime", "Drama"],
    "year": 1994,
    "poster": "https://image.tmdb.org/t/p/w342/9cqNxx0GxF0bflZmeSMuL5tnGzr.jpg",
    "overview": "A banker who is sentenced for life keeps his hope, and finds a friend.",
    "maturity": 16,
    "available_from": None,
    "available_until": 1_830_297_600.0,
    "series": None,
    "cost": 0.12,
    "runtime": 142,
    "language": "en",
    "people": ["Frank Darabont", "Tim Robbins"],
    "shown": True,
    "in_release": True,
    "events": 317.0,
    "popularity_now": 4.2,
    "rating_mean": 4.41,
}
ITEM_CHANGED = {"item_id": 318, "changed": True}
RETRAINING_ASKED = {
    "trigger": "manual",
    "reasons": ["new season"],
    "detail": "a watchdog takes it up within seconds; no rule is against it",
}
DECISIONS = {
    "decisions": [
        {
            "at": 1788000000.0,
            "verdict": "ok",
            "reasons": ["0 of 10 watched features drifted"],
            "action": "none",
            "next_at": 1788000060.0,
            "release": "20261127-013508",
        }
    ]
}
PROVENANCE = {
    "request_id": "0123456789abcdef0123456789abcdef",
    "user": 42,
    "at": 1788000000.0,
    "arm": "control",
    "release": {
        "name": "20261127-013508",
        "gone": None,
        "data_version": {"interactions": 3},
        "code_version": "1a2b3c4d5e6f",
        "trained_until": 1787000000.0,
    },
    "policy": {"id": "029bb4912509", "body": '{"filters": [], "selector": {"part": "epsilon"}}'},
    "code_version": "1a2b3c4d5e6f",
    "seed": "0123456789abcdef",
    "page": {"size": 20, "offset": 0},
    "statistics_as_of": 1787999995.0,
    "learned_version": 0,
    "features": {"user_id": 42, "item_ids": [318], "n_events": 1},
    "items": [{"item_id": 318, "key": 318, "position": 0, "propensity": 0.9755, "score": 4.2, "explored": False}],
    "drawn_again": {"identical": True, "filled_up": 0, "differences": [], "unchecked": []},
}
HISTORY = {
    "user_id": 42,
    "known": True,
    "n_events": 1,
    "events": [
        {
            "item_id": 318,
            "title": "Shawshank Redemption, The (1994)",
            "genres": ["Crime", "Drama"],
            "kind": "rating",
            "value": 4.5,
            "ts": 1_790_000_000.0,
        }
    ],
}
ONBOARDED = {"user_id": 42, "items": [318, 50], "genres": ["Crime"], "people": [], "age_band": "25-34"}
USERS = {"users": [1, 42, 414]}
ERASED = {
    "user_id": 42,
    "at": 1_790_000_000.0,
    "clean": True,
    "stores": [
        {"store": "event log", "found": 31, "left": 0, "stays": ""},
        {"store": "lake", "found": 120, "left": 0, "stays": ""},
    ],
}
LIVE = {"status": "up"}
READY = {"status": "up", "checks": {"feature_store": {"status": "up", "detail": "answered in 0.4 ms"}}}
VERSION = {
    "release": "20261120-221530-1a2b3c",
    "policy": "8c3e74c17b25",
    "created": "2026-11-20T22:15:30Z",
    "code_version": "5262a28c0ffe",
    "release_code_version": "5262a28c0ffe",
    "data_version": {"interactions": 3},
    "trained_until": 1_537_000_000.0,
    "feature_schema": "0a1b2c3d4e5f",
    "metrics": {"ndcg@10": 0.12},
}
EXPERIMENTS = {
    "experiments": [
        {
            "name": "exploration",
            "state": "running",
            "layer": "exploration",
            "buckets": [0, 1000],
            "question": "Does half of the exploration cost nothing?",
            "shares": {"control": 0.5, "half": 0.5},
            "since": 1_790_000_000.0,
            "until": None,
            "actor": "cli:ann",
            "why": "the plan of this quarter",
            "fault": "",
        }
    ]
}
EXPERIMENT_STARTED = {"experiment": "exploration", "state": "running", "dry_run": False}
EXPERIMENT_STOPPED = {"experiment": "exploration", "state": "stopped", "dry_run": False}
