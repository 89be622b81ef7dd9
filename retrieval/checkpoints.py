"""Checkpoints of a training run: which run they belong to, and whether this run can resume from one."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from core.catalogue import Catalogue
from core.errors import InvalidInput
from retrieval.config import AFTERWARDS, ARCHITECTURE, TrainConfig
from retrieval.module import TowerModule
from retrieval.sequences import Sequences

log = logging.getLogger(__name__)
Checkpoint = Mapping[str, Any]


def read_checkpoint(path: Path) -> Checkpoint | None:
    """What the file holds, on the CPU; None, with a warning, when it cannot be read."""
    try:
        found: Checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        log.warning("%s cannot be read (%s): training starts clean", path, str(error).splitlines()[0])
        return None
    return found


def fits(checkpoint: Checkpoint, module: TowerModule) -> bool:
    """Whether its weights have the module's names and shapes: other code may have written it for the same data."""
    theirs = {name: weight.shape for name, weight in checkpoint.get("state_dict", {}).items()}
    return theirs == {name: weight.shape for name, weight in module.state_dict().items()}


def resumable(path: Path, module: TowerModule) -> Path | None:
    """The checkpoint of an interrupted run of the same configuration, seed and data, or None.

    Raises InvalidInput when it has another architecture.
    """
    found = read_checkpoint(path) if path.exists() else None
    if found is None:
        return None
    if found.get("fingerprint") == module.fingerprint:
        if fits(found, module):
            log.warning("training resumes from %s after epoch %d", path, found["epoch"] + 1)
            return path
        log.warning("%s does not fit the model: training starts clean", path)
        return None
    _refuse_other_architecture(path, found.get("config", {}), module.config)
    log.warning("%s is of another run (seed, data or length): training starts clean", path)
    return None


def _refuse_other_architecture(checkpoint: Path, theirs: Mapping[str, object], ours: TrainConfig) -> None:
    """Raises InvalidInput, so that hours of training are not lost because a command named another configuration."""
    wanted = ours.model_dump()
    differing = [name for name in ARCHITECTURE if name in theirs and theirs[name] != wanted[name]]
    if differing:
        was, now = (", ".join(f"{name} {values.get(name)}" for name in differing) for values in (theirs, wanted))
        raise InvalidInput(
            str(checkpoint),
            was,
            f"a checkpoint of this configuration ({now}); finish that run with its configuration, or delete the file",
        )


def fingerprint_of(sequences: Sequences, catalogue: Catalogue, config: TrainConfig, seed: int) -> str:
    """Hash of everything that determines the result of training."""
    digest = hashlib.sha256(f"{config.model_dump_json(exclude=set(AFTERWARDS))}:{seed}".encode())
    columns = (sequences.starts, sequences.rows, sequences.kinds, sequences.values, sequences.times, sequences.profiles)
    for column in (*columns, catalogue.ids, catalogue.genres, catalogue.years):
        digest.update(np.ascontiguousarray(column).data)
    content = (catalogue.titles, catalogue.overviews, catalogue.tags, catalogue.people, catalogue.keywords, catalogue.languages)
    for texts in (catalogue.genre_names, *content):
        digest.update(repr(texts).encode())
    return digest.hexdigest()
