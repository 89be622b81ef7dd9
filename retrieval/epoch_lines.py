"""How far a training is, where there is no terminal: a line each ten seconds in place of Lightning's bar."""

from __future__ import annotations

import lightning as L
from lightning.pytorch.callbacks import Callback

from core.progress import Lines


class EpochLines(Callback):
    """Tells epoch, step, and the latest NDCG@10 on held-out events, once there is one."""

    def __init__(self) -> None:
        self._lines = Lines()

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.is_global_zero:
            self._lines.tell(lambda: _line(trainer))


def _line(trainer: L.Trainer) -> str:
    found = trainer.callback_metrics.get("ndcg@10")
    score = "" if found is None else f", NDCG@10 {float(found):.4f}"
    return f"  training: epoch {trainer.current_epoch + 1} of at most {trainer.max_epochs}, {trainer.global_step:,} steps{score}"
