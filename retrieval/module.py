"""The Lightning module: one optimisation step, and the validation NDCG by full ranking."""

from __future__ import annotations

import math

import lightning as L
import torch
from torch import Tensor

from retrieval.config import TrainConfig
from retrieval.losses import full_softmax, sampled_softmax
from retrieval.sequences import Batch
from retrieval.two_tower import TwoTower

_CUTOFF = 10


class TowerModule(L.LightningModule):
    """Trains a `TwoTower` to predict each next event from the events before it."""

    def __init__(self, model: TwoTower, config: TrainConfig, *, steps: int, seed: int, fingerprint: str) -> None:
        """`steps` is how many optimisation steps the learning rate is planned for."""
        super().__init__()
        self.model = model
        self.config = config
        self.steps = steps
        self.seed = seed
        self.fingerprint = fingerprint
        self.register_buffer("candidates", model.item_tower.known.nonzero().squeeze(1), persistent=False)
        place = torch.full((len(model.item_tower.known),), -1)
        place[model.item_tower.known] = torch.arange(int(model.item_tower.known.sum()))
        self.register_buffer("place", place, persistent=False)

    candidates: Tensor
    place: Tensor

    def training_step(self, batch: tuple[Batch, Tensor | None], _index: int) -> Tensor:
        loss = self._full_loss(batch[0]) if self.config.loss == "full" else self._sampled_loss(batch[0])
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=False, batch_size=1)
        return loss

    def _full_loss(self, batch: Batch) -> Tensor:
        table = self.model.items(torch.arange(len(self.place), device=self.device))
        users = self._users(table[batch.rows], batch)[batch.counted]
        targets = self.place[batch.targets[batch.counted]]
        return full_softmax(users, table[self.candidates], targets, self.config.temperature)

    def _sampled_loss(self, batch: Batch) -> Tensor:
        drawn = torch.randint(len(self.candidates), (self.config.negatives,), device=self.device)
        negatives, targets = self.candidates[drawn], batch.targets[batch.counted]
        needed = torch.cat([batch.rows.flatten(), targets, negatives])
        rows, inverse = torch.unique(needed, return_inverse=True)  # so that id dropout treats an item alike everywhere
        sizes = [batch.rows.numel(), len(targets), len(negatives)]
        history, positive, negative = torch.split(self.model.items(rows)[inverse], sizes)
        users = self._users(history.view(*batch.rows.shape, -1), batch)[batch.counted]
        accidental = targets.unsqueeze(1) == negatives
        return sampled_softmax(users, positive, negative, accidental, self.config.temperature)

    def validation_step(self, batch: tuple[Batch, Tensor], _index: int) -> None:
        inputs, seen = batch
        table = self.model.items(torch.arange(len(self.place), device=self.device))
        window, position = inputs.counted.nonzero(as_tuple=True)
        scores = self._users(table[inputs.rows], inputs)[window, position] @ table.T
        scores = scores.masked_fill(seen[window] <= position.unsqueeze(1), -torch.inf)
        ranks = ranks_of(scores, inputs.targets[window, position])
        gains = torch.where(ranks < _CUTOFF, 1 / torch.log2(ranks + 2.0), 0.0)
        self.log("ndcg@10", gains.mean(), prog_bar=True, batch_size=len(gains))
        self.log("hr@10", (ranks < _CUTOFF).float().mean(), batch_size=len(gains))

    def _users(self, history: Tensor, batch: Batch) -> Tensor:
        return self.model.users(history, batch.kinds, batch.values, batch.gaps, batch.mask)

    def configure_optimizers(self) -> dict[str, object]:  # type: ignore[override]
        config = self.config
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_batch_start(self, _batch: tuple[Batch, Tensor | None], _index: int) -> None:
        torch.manual_seed(self.seed * 1_000_003 + self.global_step)  # a resumed run draws what an uninterrupted one draws

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        checkpoint["fingerprint"] = self.fingerprint
        checkpoint["epoch_metrics"] = {name: float(value) for name, value in self.trainer.callback_metrics.items()}


def learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up over the first twentieth, then half a cosine to a twentieth (Loshchilov and Hutter, ICLR 2017)."""
    warm_up = max(1, steps // 20)
    done = min(1.0, step / steps)
    return min(1.0, (step + 1) / warm_up) * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)


def ranks_of(scores: Tensor, targets: Tensor) -> Tensor:
    """How many other items score at least as much as the target, so that a constant score is no hit. [m, n], [m] -> [m]."""
    own = scores.gather(1, targets.unsqueeze(1))
    return (scores >= own).sum(1) - 1
