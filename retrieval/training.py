"""The training function: interactions in, trained towers out. It resumes what was interrupted."""

from __future__ import annotations

import hashlib
import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import lightning as L
import numpy as np
import polars as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import DatasetError
from retrieval.config import TrainConfig
from retrieval.datamodule import SequenceData, split_by_time
from retrieval.module import TowerModule
from retrieval.sequences import Sequences
from retrieval.two_tower import TwoTower

log = logging.getLogger(__name__)
_LAST, _BEST = "last.ckpt", "best.ckpt"


@dataclass(frozen=True, eq=False)
class TrainedTowers:
    """What training made. `metrics`: `ndcg@10` and `hr@10` on the validation events if there were any, `epochs`, `loss`."""

    model: TwoTower
    item_embeddings: NDArray[np.float32]  # [n, d], row-aligned with the catalogue
    metrics: dict[str, float]
    config: TrainConfig


def train_towers(
    interactions: pl.DataFrame, catalogue: Catalogue, config: TrainConfig, workdir: Path, *, seed: int, progress: bool
) -> TrainedTowers:
    """Train both towers on lake rows, all of them before the caller's cut-off in time.

    A run that was interrupted goes on from `workdir/last.ckpt` if configuration, seed and data are the same; the file is
    removed at the end. Raises DatasetError when there is nothing to learn from.
    """
    sequences = Sequences.from_frame(interactions, catalogue)
    split = split_by_time(sequences, config.validation_share)
    data = SequenceData(split, len(catalogue), config, seed)
    if not data.steps_per_epoch:
        raise DatasetError("no user has liked two items in the training period: there is no next event to learn from")
    fingerprint = _fingerprint(sequences, catalogue, config, seed)
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        known = np.bincount(split.train.rows, minlength=len(catalogue)) > 0
        model = TwoTower(catalogue, known, config)
        steps = config.epochs * data.steps_per_epoch
        metrics = _fit(TowerModule(model, config, steps=steps, seed=seed, fingerprint=fingerprint), data, workdir, progress)
    model.cpu().eval()
    return TrainedTowers(model, model.item_embeddings(), metrics, config)


def _fit(module: TowerModule, data: SequenceData, workdir: Path, progress: bool) -> dict[str, float]:
    """Train, leave the best epoch's weights in the module and return that epoch's metrics."""
    workdir.mkdir(parents=True, exist_ok=True)
    trainer = _trainer(module.config, data.can_validate, workdir, progress)
    with _interruptible():
        trainer.fit(module, data, ckpt_path=_resumable(workdir / _LAST, module.fingerprint), weights_only=True)
    chosen = torch.load(workdir / _BEST, map_location=module.device, weights_only=True)
    module.load_state_dict(chosen["state_dict"])
    (workdir / _LAST).unlink(missing_ok=True)
    return dict(chosen["epoch_metrics"]) | {"epochs": trainer.current_epoch, "best_epoch": chosen["epoch"] + 1}


def _trainer(config: TrainConfig, validate: bool, workdir: Path, progress: bool) -> L.Trainer:
    callbacks: list[Callback] = [
        ModelCheckpoint(
            workdir,
            filename=Path(_BEST).stem,
            monitor="ndcg@10" if validate else None,
            mode="max",
            save_last=True,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
    ]
    if validate:
        callbacks.append(EarlyStopping("ndcg@10", mode="max", patience=config.patience))
    if config.ema:
        callbacks.append(EMAWeightAveraging(decay=config.ema, use_buffers=False))
    if progress:
        callbacks.append(TQDMProgressBar(leave=True))
    return L.Trainer(
        max_epochs=config.epochs,
        gradient_clip_val=config.gradient_clip,
        devices=1,
        callbacks=callbacks,
        limit_val_batches=1.0 if validate else 0,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=progress,
        enable_model_summary=False,
        logger=False,
    )


def _resumable(checkpoint: Path, fingerprint: str) -> Path | None:
    """The checkpoint of an interrupted run of the same configuration, seed and data, or None."""
    if not checkpoint.exists():
        return None
    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        log.warning("%s cannot be read (%s): training starts clean", checkpoint, str(error).splitlines()[0])
        return None
    if found.get("fingerprint") != fingerprint:
        log.warning("%s is of another configuration, seed or data: training starts clean", checkpoint)
        return None
    log.warning("training resumes from %s after epoch %d", checkpoint, found["epoch"] + 1)
    return checkpoint


def _fingerprint(sequences: Sequences, catalogue: Catalogue, config: TrainConfig, seed: int) -> str:
    """Hash of everything that decides what training makes."""
    digest = hashlib.sha256(f"{config.model_dump_json()}:{seed}".encode())
    columns = (sequences.starts, sequences.rows, sequences.kinds, sequences.values, sequences.times)
    for column in (*columns, catalogue.ids, catalogue.genres, catalogue.years):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's advice (use a logger, more workers) is for its own users, not for ours."""
    chatter = logging.getLogger("lightning.pytorch")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", category=UserWarning, module="torch.utils.data")
            yield
    finally:
        chatter.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C stays a KeyboardInterrupt: Lightning turns it into SystemExit and leaves SIGINT ignored."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if in_main:
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt("training was interrupted; the same command resumes it") from stop
