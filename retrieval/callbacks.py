"""What a training run tells while it goes on, and how it is stopped in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import lightning as L
from lightning.pytorch.callbacks import Callback

from retrieval.module import reported

# Called after each epoch with its number, from 1, and its metrics: `loss`, and `ndcg@10` and `hr@10` if it was validated.
# An exception that it raises ends the training (Optuna's pruning).
OnEpoch = Callable[[int, dict[str, float]], None]


class TrainingPaused(Exception):
    """Training stopped where it was asked to; the same call without the pause goes on from there."""

    def __init__(self, curve: list[dict[str, float]]) -> None:
        """`curve`: the metrics of each epoch so far."""
        super().__init__(f"training pauses after {len(curve)} epochs")
        self.curve = curve


class Curve(Callback):
    """The learning curve: the metrics of each epoch, and the seconds that the epochs took together.

    It is saved with the checkpoint, so it survives an interruption.
    """

    def __init__(self, on_epoch: OnEpoch | None) -> None:
        self.points: list[dict[str, float]] = []
        self.seconds = 0.0
        self.on_epoch = on_epoch
        self._since = 0.0

    def on_train_epoch_start(self, _trainer: L.Trainer, _module: L.LightningModule) -> None:
        self._since = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, _module: L.LightningModule) -> None:
        point = reported(trainer.callback_metrics)
        self.points.append({"epoch": trainer.current_epoch + 1.0, **point})
        self.seconds += time.perf_counter() - self._since
        if self.on_epoch:
            self.on_epoch(trainer.current_epoch + 1, point)

    def state_dict(self) -> dict[str, object]:
        return {"points": json.dumps(self.points), "seconds": json.dumps(self.seconds)}

    def load_state_dict(self, state_dict: dict[str, str]) -> None:
        self.points[:] = json.loads(state_dict["points"])
        self.seconds = json.loads(state_dict.get("seconds", "0.0"))  # not in a checkpoint of before they were counted


class Pause(Callback):
    """Raises TrainingPaused before the first epoch beyond so many, when the checkpoint of the last one is on disk."""

    def __init__(self, epochs: int, curve: Curve) -> None:
        self._epochs = epochs
        self._curve = curve

    def on_train_epoch_start(self, trainer: L.Trainer, _module: L.LightningModule) -> None:
        if trainer.current_epoch >= self._epochs:
            raise TrainingPaused(self._curve.points)
