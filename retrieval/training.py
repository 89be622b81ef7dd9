"""The training function: interactions in, trained towers out. It resumes an interrupted run."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import lightning as L
import numpy as np
import polars as pl
import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import DatasetError
from core.features import Profiles
from retrieval.callbacks import Curve, OnEpoch, Pause
from retrieval.checkpoints import fingerprint_of, fits, read_checkpoint, resumable
from retrieval.config import TrainConfig
from retrieval.datamodule import SequenceData, Split, split
from retrieval.epoch_lines import EpochLines
from retrieval.fused import FusedTowers
from retrieval.history import EncodedHistory, tower_inputs
from retrieval.module import TowerModule
from retrieval.sequences import Sequences
from retrieval.side_by_side import SideBySide
from retrieval.spectral import spectral_vectors
from retrieval.two_tower import TwoTower

log = logging.getLogger(__name__)
_LAST, _BEST, _DONE = "last.ckpt", "best.ckpt", "done.json"
_ENCODE_BATCH = 256

Towers = TwoTower | SideBySide | FusedTowers


@dataclass(frozen=True, eq=False)
class TrainedTowers:
    """The result of training. `metrics`: `ndcg@10` and `hr@10` on the validation events if there were any, `epochs`, `loss`;
    `curve`: the same after each epoch; `seconds`: that the epochs of all members took, also those before an interruption."""

    model: Towers
    item_embeddings: NDArray[np.float32]  # [n, d], row-aligned with the catalogue; d covers all members and the spectral channel
    metrics: dict[str, float]
    config: TrainConfig
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def has_spectral(self) -> bool:
        """Whether there is a spectral channel."""
        return isinstance(self.model, FusedTowers)

    @property
    def spectral_weight(self) -> float:
        """The spread of the spectral scores relative to that of the trained ones; changing it needs no training."""
        return self.model.weight if isinstance(self.model, FusedTowers) else 0.0

    def weigh_spectral(self, weight: float) -> None:
        """Change the weight of the spectral channel, if there is one."""
        if isinstance(self.model, FusedTowers):
            self.model.weight = weight

    def channels(self, histories: Sequence[EncodedHistory]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """User vectors [len(histories), d] of the trained part alone, and of the spectral channel alone at weight 1.

        Scores are linear in them: those at weight w are the scores of the first plus w times the scores of the second.
        """
        weight = self.spectral_weight
        self.weigh_spectral(1.0)
        both = self.users(histories)
        self.weigh_spectral(weight)
        trained, spectral = both.copy(), both
        border = self.model.dim if isinstance(self.model, FusedTowers) else both.shape[1]
        trained[:, border:], spectral[:, :border] = 0.0, 0.0
        return trained, spectral

    def users(self, histories: Sequence[EncodedHistory]) -> NDArray[np.float32]:
        """User vectors [len(histories), d] for offline use, on the model's device; an empty history is its profile alone."""
        order = sorted(range(len(histories)), key=lambda i: len(histories[i]))
        vectors = np.empty((len(histories), self.item_embeddings.shape[1]), dtype=np.float32)
        device = next(self.model.parameters()).device
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), _ENCODE_BATCH):
                part = order[start : start + _ENCODE_BATCH]
                inputs = tower_inputs([histories[i] for i in part], self.item_embeddings)
                vectors[part] = self.model(**{name: torch.from_numpy(array).to(device) for name, array in inputs.items()}).cpu()
        return vectors


def train_towers(
    interactions: pl.DataFrame,
    catalogue: Catalogue,
    config: TrainConfig,
    workdir: Path,
    *,
    seed: int,
    progress: bool,
    profiles: Profiles | None = None,
    on_epoch: OnEpoch | None = None,
    pause_after: int | None = None,
    devices: int = 1,
    nodes: int = 1,
) -> TrainedTowers:
    """Train both towers on lake rows, all of them before the caller's cut-off in time.

    A run of the same configuration, seed and data resumes from `workdir/last.ckpt` if it was interrupted, and is not
    repeated if it has finished. After `pause_after` epochs it raises TrainingPaused. With more than one device, call it in every
    process that `torchrun` started. Raises DatasetError when there is nothing to learn from, and InvalidInput when `last.ckpt` is
    of another architecture.
    """
    sequences = Sequences.from_frame(interactions, catalogue, profiles)
    parts = split(sequences, config)
    if not parts.train.has_successors:
        raise DatasetError("no user has liked two items in the training period: there is no next event to learn from")
    folders = [workdir] if config.members == 1 else [workdir / f"seed{seed + k}" for k in range(config.members)]
    members = [
        _train(sequences, parts, catalogue, config, folder, seed + k, progress, on_epoch, pause_after, devices, nodes)
        for k, folder in enumerate(folders)
    ]
    metrics = {name: float(np.mean([member.metrics[name] for member in members])) for name in members[0].metrics}
    trained = members[0].model if len(members) == 1 else SideBySide([member.model for member in members])
    towers = _with_spectral(trained, parts.train, len(catalogue), config).eval()
    return TrainedTowers(
        towers, towers.item_embeddings(), metrics, config, members[0].curve, sum(member.seconds for member in members)
    )


def _with_spectral(trained: TwoTower | SideBySide, seen: Sequences, n_items: int, config: TrainConfig) -> Towers:
    """The towers with the spectral channel of their training events, if it is configured."""
    if not config.spectral_rank:
        return trained
    vectors = spectral_vectors(seen, n_items, config.spectral_rank, config.spectral_window)
    return FusedTowers(trained, vectors, config.spectral_decay, config.spectral_weight)


class _Member(NamedTuple):
    """The towers of one seed at their best epoch."""

    model: TwoTower
    metrics: dict[str, float]
    curve: list[dict[str, float]]
    seconds: float


def _train(
    sequences: Sequences,
    parts: Split,
    catalogue: Catalogue,
    config: TrainConfig,
    workdir: Path,
    seed: int,
    progress: bool,
    on_epoch: OnEpoch | None,
    pause_after: int | None,
    devices: int,
    nodes: int,
) -> _Member:
    data = SequenceData(parts, len(catalogue), config, seed)
    fingerprint = fingerprint_of(sequences, catalogue, config, seed)
    curve = Curve(on_epoch)
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        known = np.bincount(parts.train.rows, minlength=len(catalogue)) > 0
        model = TwoTower(catalogue, known, config)
        if config.compile != "off":
            for block in model.user_tower.blocks:
                block.compile(backend=config.compile, dynamic=True)
        steps = config.epochs * data.steps_per_epoch
        module = TowerModule(model, config, steps=steps, seed=seed, fingerprint=fingerprint)
        if not _finished(workdir, module, curve):
            pause = [] if pause_after is None else [Pause(pause_after, curve)]
            trainer = _trainer(config, data.can_validate, workdir, progress, [curve, *pause], devices, nodes)
            _fit(trainer, module, data, curve, workdir)
        metrics = _take_best(module, workdir, len(curve.points))
    return _Member(model.cpu().eval(), metrics, curve.points, curve.seconds)


def process_rank() -> int:
    """The rank of this process under torchrun; 0 without torchrun."""
    return TorchElasticEnvironment().global_rank() if TorchElasticEnvironment.detect() else 0


def _finished(workdir: Path, module: TowerModule, curve: Curve) -> bool:
    """Whether this run has already finished here; if so, its learning curve is read back."""
    try:
        done = json.loads((workdir / _DONE).read_text())
    except (OSError, ValueError):
        return False
    if done["fingerprint"] != module.fingerprint or not (workdir / _BEST).exists():
        return False
    best = read_checkpoint(workdir / _BEST)
    if best is None or not fits(best, module):
        log.warning("%s does not fit the model: training starts clean", workdir / _BEST)
        return False
    log.warning("%s holds this very run: it is not trained again", workdir)
    curve.points[:] = done["curve"]
    curve.seconds = done.get("seconds", 0.0)  # not written before they were counted
    return True


def _fit(trainer: L.Trainer, module: TowerModule, data: SequenceData, curve: Curve, workdir: Path) -> None:
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / _DONE).unlink(missing_ok=True)
    checkpoint = resumable(workdir / _LAST, module)
    if checkpoint is None:
        (workdir / _BEST).unlink(missing_ok=True)  # the best epoch of another run is not one of this run
    with _interruptible():
        trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    trainer.strategy.barrier()
    if trainer.is_global_zero:
        done = {"fingerprint": module.fingerprint, "curve": curve.points, "seconds": curve.seconds}
        (workdir / _DONE).write_text(json.dumps(done))
        (workdir / _LAST).unlink(missing_ok=True)


def _take_best(module: TowerModule, workdir: Path, epochs: int) -> dict[str, float]:
    """Load the best epoch's weights into the module and return that epoch's metrics."""
    chosen = torch.load(workdir / _BEST, map_location=module.device, weights_only=True)
    module.load_state_dict(chosen["state_dict"])
    return dict(chosen["epoch_metrics"]) | {"epochs": epochs, "best_epoch": chosen["epoch"] + 1}


def _trainer(
    config: TrainConfig, validate: bool, workdir: Path, progress: bool, watching: list[Callback], devices: int, nodes: int
) -> L.Trainer:
    checkpoint = partial(ModelCheckpoint, workdir, save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks: list[Callback] = [
        *watching,
        checkpoint(filename=Path(_BEST).stem, monitor="ndcg@10" if validate else None, mode="max"),
        checkpoint(filename=Path(_LAST).stem, mode="min"),  # no metric; the mode distinguishes the two callbacks
    ]
    if validate:
        callbacks.append(EarlyStopping("ndcg@10", mode="max", patience=config.patience))
    if config.ema:
        callbacks.append(EMAWeightAveraging(decay=config.ema, use_buffers=False))
    bar = progress and sys.stderr.isatty()
    if progress:
        callbacks.append(TQDMProgressBar(leave=True) if bar else EpochLines())
    return L.Trainer(
        max_epochs=config.epochs,
        gradient_clip_val=config.gradient_clip,
        precision="bf16-mixed" if config.precision == "bfloat16" else "32-true",
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        use_distributed_sampler=False,
        callbacks=callbacks,
        check_val_every_n_epoch=config.validate_every,
        limit_val_batches=1.0 if validate else 0,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=bar,
        enable_model_summary=False,
        logger=False,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Lightning's advice (use a logger, more workers), which is not meant for our users."""
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
    """Keeps Ctrl-C a KeyboardInterrupt; Lightning turns it into SystemExit and leaves SIGINT ignored."""
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if in_main:
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt("training was interrupted; the same command resumes it") from stop
