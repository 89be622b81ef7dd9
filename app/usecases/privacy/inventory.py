"""What Marquee keeps, folder by folder, and where in it something of a user may be. A test holds it to the home's folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.usecases.lake_content import HELD_OUT
from app.usecases.privacy.sqlite_stores import SqliteRecords, SqliteUsers
from app.usecases.privacy.stores import (
    Features,
    KeptByOthers,
    LakeTables,
    OnlineFeatures,
    ParquetRows,
    Store,
    TextLines,
)
from core.settings import Settings
from lake.ports import Lake
from serving.gorse.store import RECORDS

# Folder of the home -> the stores in it, or why nothing of a user is there.
FOLDERS_OF_USERS: Mapping[str, tuple[str, ...]] = {
    "lake": ("lake", "held-out events"),
    "feast": ("features",),
    "events": ("event log", "outbox", "outbox quarantine"),
    "quarantine": ("quarantined rows",),
    "gorse": ("Gorse's users", "Gorse's feedback"),
}
WITHOUT_USERS: Mapping[str, str] = {
    "mlflow": "figures and releases",
    "releases": "catalogue, vectors and models; the reference sample names users by ordinals that nobody can turn back",
    "milvus": "vectors of items",
    "logs": "request ids, no user's",
    "run": "locks",
    "train": "checkpoints of models",
    "watch": "reports over samples",
    "datasets": "downloads of public sets, which the lake is loaded from once",
    "tmdb": "answers about films",
    "import": "parts of an import while it runs; gone when it ends",
    "tuning": "figures of trials",
    "evaluation": "figures",
    "ledger": "notes about releases",
    "retrain": "state of the retraining",
    "drill": "simulated people",
    "access": "hashes of keys, and calls of operators without users' ids",
}


def inventory(settings: Settings, lake: Lake, features: Features) -> Sequence[Store]:
    """Every store, in the order in which a user is erased: what could bring the user back comes first."""
    events, quarantine = settings.folder("events"), settings.folder("quarantine")
    gorse = settings.folder("gorse") / RECORDS
    log: Store = (
        KeptByOthers("event log", "Kafka keeps its records until their retention ends; the consumer forgets them")
        if settings.event_log == "kafka"
        else SqliteRecords(events / "log.db", "log", "event log")
    )
    return (
        SqliteRecords(events / "outbox.db", "outbox", "outbox"),
        SqliteRecords(events / "outbox.db", "quarantine", "outbox quarantine"),
        log,
        SqliteUsers(gorse, "users", "Gorse's users"),
        SqliteUsers(gorse, "feedback", "Gorse's feedback"),
        ParquetRows(settings.folder("lake") / HELD_OUT, "held-out events"),
        LakeTables(lake),
        OnlineFeatures(features),
        TextLines(quarantine, "quarantined rows"),
    )
