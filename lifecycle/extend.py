"""Adds new films to a release without training: the same towers and ranker with a longer catalogue, in seconds."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from core import bundle
from core import columns as c
from core.bundle import Manifest
from core.catalogue import Catalogue, ItemStats
from lifecycle.sealing import new_name, seal
from retrieval.ease import EaseTable
from retrieval.new_items import content_embeddings
from retrieval.transitions import Transitions


def new_films(release: Path, catalogue: Catalogue) -> pl.DataFrame:
    """The films of `catalogue`, as items, that the release in this folder does not know."""
    known = pl.read_parquet(release / bundle.CATALOGUE, columns=[c.ITEM])[c.ITEM]
    return catalogue.to_frame().filter(~pl.col(c.ITEM).is_in(known.implode()))


def extend_release(release: Path, films: pl.DataFrame, data_version: dict[str, int], workdir: Path) -> Path:
    """Write a bundle that also has these films, placed by their content; returns its folder, named after the new release.

    Its figures are those of the release that it extends: nothing was trained, and the new films have no events to evaluate on.
    """
    manifest = bundle.read_manifest(release)
    draft = workdir / "extended"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(release, draft)
    known = Catalogue.from_frame(pl.read_parquet(release / bundle.CATALOGUE))
    added = Catalogue.from_frame(films)
    longer = Catalogue.from_frame(pl.concat([known.to_frame(), added.to_frame()], how="vertical_relaxed"))
    longer.to_frame().write_parquet(draft / bundle.CATALOGUE)
    _write_vectors(release, draft, known, added, longer, manifest)
    _longer_stats(ItemStats.read(release / bundle.ITEM_STATS), known, longer).write(draft / bundle.ITEM_STATS)
    for kind, name in ((Transitions, bundle.TRANSITIONS), (EaseTable, bundle.EASE)):
        if (release / name).is_file():
            kind.load(release / name).moved(longer.rows(known.ids), len(longer)).save(draft / name)
    grown = manifest.model_copy(
        update={
            "release": new_name(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "n_items": len(longer),
            "data_version": data_version,
            "config": {**manifest.config, bundle.EXTENDS: manifest.release},
            "files": {},
        }
    )
    _add_to_card(draft / bundle.MODEL_CARD, grown, len(added))
    return seal(draft, grown)


def _write_vectors(release: Path, draft: Path, known: Catalogue, added: Catalogue, longer: Catalogue, manifest: Manifest) -> None:
    vectors = np.empty((len(longer), manifest.dim), dtype=np.float32)
    vectors[longer.rows(known.ids)] = np.load(release / bundle.ITEM_EMBEDDINGS, allow_pickle=False)
    cosine = manifest.config["similarity"] == "cosine"
    vectors[longer.rows(added.ids)] = content_embeddings(release / bundle.TOWER_WEIGHTS, added, manifest.dim, cosine)
    np.save(draft / bundle.ITEM_EMBEDDINGS, vectors, allow_pickle=False)


def _longer_stats(stats: ItemStats, known: Catalogue, longer: Catalogue) -> ItemStats:
    """A new film has no counts yet, and the mean rating."""

    def column(values: np.ndarray, missing: float) -> np.ndarray:
        out = np.full(len(longer), missing, dtype=np.float32)
        out[longer.rows(known.ids)] = values
        return out

    mean = float(stats.rating_mean.mean())
    events, recent, users = (column(values, 0) for values in (stats.n_events, stats.recent, stats.users))
    return ItemStats(stats.as_of, events, recent, column(stats.rating_mean, mean), users=users)


def _add_to_card(card: Path, manifest: Manifest, films: int) -> None:
    note = (
        f"\n## Release {manifest.release}\n\nRelease {manifest.config[bundle.EXTENDS]} with {films:,} more films, placed by "
        f"their content alone; {manifest.n_items:,} in all. Nothing was trained: the figures above are those of the former.\n"
    )
    card.write_text(card.read_text() + note)
