"""The releases of the drill: trained as any other, or made from production's, whole or broken on purpose, and judged anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from app.usecases.drill.small_marquee import SmallMarquee
from core import bundle
from core.ports import Echo
from lake import tables
from lifecycle import judging
from lifecycle.behaviour import behave, some_users
from lifecycle.build import TrainingData, build_release
from lifecycle.cuts import BuildConfig, after_all
from lifecycle.face_off import as_served, face_off
from lifecycle.promotion import version_or_none
from lifecycle.sealing import new_name, seal
from ranking.ranker_training import RankerConfig
from recommender.release import expected_schema, open_release, read_release
from retrieval.config import TrainConfig
from retrieval.ease import EaseTable
from retrieval.preset import Preset
from retrieval.threads import training_threads
from retrieval.transitions import Transitions

# events that the ranker learns from, that the scorer is chosen on, and that a release is judged on: few, so that it takes seconds
_RANKER, _CHOICE, _JUDGED = 150, 150, 350


def trained(marquee: SmallMarquee, echo: Echo) -> Path:
    """A release of what the lake holds, as any build makes it; its bundle."""
    config, lake = marquee.config, marquee.lake
    events = lake.read(tables.INTERACTIONS)
    towers = TrainConfig.of(
        dim=16,
        blocks=1,
        heads=1,
        history_length=30,
        spectral_rank=8,
        loss="full",
        epochs=config.epochs,
        batch_events=256,
        learning_rate=5e-3,
        validation_share=0.0,
    )
    versions = {table: lake.version(table) for table in (tables.INTERACTIONS, tables.ITEMS)}
    current = version_or_none(marquee.registry, "production")
    # one thread: nothing here is large enough for two; the drill has a progress bar of its own
    with training_threads(1), Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return build_release(
            TrainingData(events, marquee.catalogue, versions, "A simulated world.", "none needed"),
            _cuts(len(events)),
            Preset.of(towers, "drill"),
            marquee.home / "train",
            policy=marquee.policy,
            feature_schema=expected_schema(),
            code_version="drill",
            seed=config.seed,
            echo=echo,
            production=open_release(marquee.registry.fetch(current)) if current else None,
        )


def remade(marquee: SmallMarquee, change: Callable[[Path], None] = lambda _: None) -> Path:
    """The production release once more, under another name and with a `change` to its files; its bundle.

    It is judged as a build judges: on the events since production's training, with the very files that would be served.
    """
    production = open_release(marquee.registry.fetch("production"))
    draft = marquee.home / "train" / "remade"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(production.folder, draft)
    change(draft)
    events = marquee.lake.read(tables.INTERACTIONS)
    start, end = production.manifest.trained_until, after_all(events)
    release = read_release(draft, production.manifest.model_copy(update={"release": new_name()}))
    served = as_served(release, marquee.policy)
    judged = judging.judge(events, served.now, marquee.policy, start, end)
    behaviour = behave(served.now, marquee.policy, some_users(events, marquee.catalogue))
    manifest = release.manifest.model_copy(
        update={
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "compared": face_off(events, served, as_served(production, marquee.policy), start, end),
            "metrics": {**production.manifest.metrics, **judged.metrics, **behaviour},
            "files": {},
        }
    )
    return seal(draft, manifest)


def _cuts(events: int) -> BuildConfig:
    """The newest events are those that a release is judged on, and so on backwards."""
    judged = _JUDGED / events
    choice, ranker = judged + _CHOICE / events, judged + (_CHOICE + _RANKER) / events
    return BuildConfig(1 - ranker, 1 - choice, 1 - judged, _RANKER, RankerConfig(threads=1, trees=40))


def mixed_up(folder: Path) -> None:
    """Break a release: the rows of its vectors and tables belong to other films, as after an export that lost their order."""
    vectors = np.load(folder / bundle.ITEM_EMBEDDINGS)
    order = np.random.default_rng(1).permutation(len(vectors))
    np.save(folder / bundle.ITEM_EMBEDDINGS, vectors[order])
    for kind, name in ((Transitions, bundle.TRANSITIONS), (EaseTable, bundle.EASE)):
        if (folder / name).is_file():
            kind.load(folder / name).moved(order, len(order)).save(folder / name)
