"""A release's twin whose vectors all point the other way: what shows that a list mixed two releases.

Within the twin a user meets an item as within the original, because both vectors changed their sign. A user's vector of one
release with the items' of the other finds what that user likes least: the bottom of the order that both releases have. So the
places of what the towers found, in the order of the release that a list names, tell whether everything in it came from one
release.
"""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import polars as pl
from chaos_load import Answer
from numpy.typing import NDArray
from onnx import helper

from app import wiring
from core import bundle
from core import columns as c
from core.events import MadeFrom
from core.features import UserFeatures
from core.settings import Settings
from feature_repo.record import unpack
from lake.tables import LISTS
from lifecycle.sealing import new_name, seal
from recommender.release import Release, open_release
from retrieval.export import INPUTS, OUTPUT


def mirrored(release: Path, workdir: Path) -> Path:
    """The twin's bundle, under a name of its own."""
    draft = workdir / "twin"
    shutil.copytree(release, draft)
    np.save(draft / bundle.ITEM_EMBEDDINGS, -np.load(release / bundle.ITEM_EMBEDDINGS), allow_pickle=False)
    tower = onnx.load(str(release / bundle.USER_TOWER))
    _turned(tower.graph, INPUTS[0], OUTPUT)
    onnx.checker.check_model(tower)
    onnx.save(tower, str(draft / bundle.USER_TOWER))
    return seal(draft, bundle.read_manifest(release).model_copy(update={"release": new_name()}))


def _turned(graph: onnx.GraphProto, source: str, target: str) -> None:
    """Negate the items' vectors where they go in and the user's where it comes out."""
    for node in graph.node:
        node.input[:] = [f"{source}_turned" if name == source else name for name in node.input]
        node.output[:] = [f"{target}_turned" if name == target else name for name in node.output]
    graph.node.insert(0, helper.make_node("Neg", [source], [f"{source}_turned"]))
    graph.node.append(helper.make_node("Neg", [f"{target}_turned"], [target]))


def mixed(settings: Settings, lists: Iterable[Answer], versions: Iterable[str]) -> tuple[int, int]:
    """How many lists hold what the towers of the release that they name would not have found, and how many could be judged.

    Judged by the features that are on record with a list. A list is mixed if the towers put the middle one of their finds into
    the worse half of the catalogue: vectors that were learned meanwhile move it a little, a wrong sign turns the order around.
    """
    registry, stored = wiring.registry(settings), _features(settings)
    releases = {one.name: one for one in (open_release(registry.fetch(version)) for version in versions)}
    wrong = judged = 0
    for made in lists:
        release, user = releases[made.release], stored.get(made.request)
        rows = release.catalogue.rows(np.array(made.by_towers, dtype=np.int64))
        if user is not None and len(rows):
            judged += 1
            wrong += _worse_half(release, user, rows)
    return wrong, judged


def _worse_half(release: Release, user: UserFeatures, rows: NDArray[np.intp]) -> bool:
    scores = release.item_vectors @ release.encoder.encode(user)
    return bool(np.median(scores[rows]) < np.median(scores))


def _features(settings: Settings) -> dict[str, UserFeatures]:
    """What each list was made from, by request."""
    rows = wiring.lake(settings).read(LISTS).filter(~pl.col(c.SHADOW)).drop_nulls(c.MADE_FROM)
    found = {}
    for request, user, body in rows.select(c.REQUEST_ID, c.USER, c.MADE_FROM).iter_rows():
        features = MadeFrom.model_validate_json(body).features
        if features is not None:
            found[request] = unpack(user, b64decode(features))
    return found
