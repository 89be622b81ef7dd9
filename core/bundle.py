"""The release bundle: what is promoted and rolled back as one thing, and the manifest that describes it.

A bundle is a folder. The manifest lists every other file with its SHA-256, so that a half-copied or edited bundle is
refused when it is loaded, and nothing in it needs unpickling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import BundleCorrupt, SchemaMismatch
from core.feature_schema import LEGACY, FeatureSchema

MANIFEST = "manifest.json"
USER_TOWER = "user_tower.onnx"
TOWER_WEIGHTS = "towers.safetensors"
ITEM_EMBEDDINGS = "item_embeddings.npy"
CATALOGUE = "catalogue.parquet"
ITEM_STATS = "item_stats.parquet"
RANKER = "ranker.txt"
RANKER_TREES = "ranker_trees.onnx"  # its trees for serving (ranking.tree_scorer); made again where an older bundle has none
MLP_RANKER = "ranker.onnx"  # beside it, where a build was asked for one
TRANSITIONS, EASE = "transitions.npz", "ease.npz"  # item-to-item tables; not in every bundle
SEGMENTS = "segments.parquet"  # what is popular among users of the same attributes; not in every bundle
MODEL_CARD = "model_card.md"
FIGURES = "figures.json"  # what was measured beyond the manifest's metrics (lifecycle.figures); not in every bundle
REFERENCE = "reference.parquet"  # a sample of training-time features: what the watchdog compares with
USER_REFERENCE = "user_reference.npz"  # where the users of that sample lie; not in every bundle
EXTENDS = "extends"  # in a manifest's config: the release that this one has more items than, and else nothing new
FILES = (USER_TOWER, TOWER_WEIGHTS, ITEM_EMBEDDINGS, CATALOGUE, ITEM_STATS, RANKER, MODEL_CARD, REFERENCE)  # in every bundle


class Comparison(BaseModel):
    """NDCG@10 of a release (its judged twin) and of production on the same events, which neither has learned from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    production: str  # the name of the release that it was compared with
    start: float  # Unix seconds of the window
    end: float
    queries: int
    users: int
    ndcg: float
    production_ndcg: float
    low: float  # of the difference: 95 %, paired bootstrap over users
    high: float
    milliseconds: float  # a list takes, median, without the user's encoding
    production_milliseconds: float


class Manifest(BaseModel):
    """What a release is made of and what it was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: str  # for example 20261120-221530-1a2b3c: build time (UTC) and a hash of the contents
    created: str  # ISO 8601, UTC
    code_version: str
    data_version: dict[str, int]  # lake table -> Delta version that training saw
    trained_until: float  # Unix seconds: no event at or after it was trained on
    judged_from: float | None = None  # the figures are of a twin that saw no event at or after it; None: the data has no times
    feature_schema: str  # the digest of `features`
    features: FeatureSchema | None = None  # what the release uses; older manifests have the digest alone
    dim: int
    n_items: int
    n_events: int = 0  # that it was made from; 0 in a manifest of before they were counted
    compared: Comparison | None = None  # with what was production when it was built, where there was one and the data has times
    metrics: dict[str, float]
    config: dict[str, object]  # the training configuration, flat
    files: dict[str, str]  # name -> SHA-256

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(self.model_dump_json(indent=2) + "\n")


def digests(folder: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """SHA-256 of the bundle files with these names, or of all in the folder but the manifest.

    Raises BundleCorrupt when one of them, or of those that every bundle has, is missing.
    """
    if names is None:
        names = [path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST] if folder.is_dir() else ()
    wanted = dict.fromkeys((*FILES, *names))
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise BundleCorrupt(f"the bundle {folder.name} lacks {', '.join(missing)}")
    return {name: _digest(folder / name) for name in wanted}


def _digest(path: Path) -> str:
    """Of a file, which is not read into memory: the largest of a release would leave a hole of its size there."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone. Raises BundleCorrupt when it is missing or cannot be parsed."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleCorrupt(f"{folder / MANIFEST} cannot be read: {error}") from error


def open_bundle(folder: Path, computed: FeatureSchema) -> Manifest:
    """The manifest of a bundle that is whole and uses only what this code computes. Raises BundleCorrupt or SchemaMismatch."""
    manifest = read_manifest(folder)
    found = digests(folder, manifest.files)
    changed = [name for name, digest in found.items() if manifest.files.get(name) != digest]
    if changed:
        raise BundleCorrupt(f"release {manifest.release}: {', '.join(changed)} is not the file that was registered")
    missing = computed.missing(used) if (used := _used(manifest)) else [f"the feature schema {manifest.feature_schema}"]
    if missing:
        raise SchemaMismatch(manifest.release, missing)
    return manifest


def _used(manifest: Manifest) -> FeatureSchema | None:
    """What a release uses of the features; None for a digest that no known schema has."""
    if manifest.features is None and manifest.feature_schema == LEGACY.digest:
        return LEGACY
    return manifest.features
