"""The Lightning module: one optimisation step, and the validation NDCG by full ranking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import lightning as L
import torch
from torch import Tensor, nn

from retrieval.config import TrainConfig
from retrieval.datamodule import Step
from retrieval.losses import full_softmax, gbce, sampled_softmax
from retrieval.negatives import mixed, uniform
from retrieval.sequences import Batch
from retrieval.two_tower import TwoTower

_CUTOFF = 10


class TowerModule(L.LightningModule):
    """Trains a `TwoTower` to predict each next event from the events before it."""

    def __init__(self, model: TwoTower, config: TrainConfig, *, steps: int, seed: int, fingerprint: str) -> None:
        """`steps` is the number of optimisation steps of the learning-rate schedule."""
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
        self._events, self._since = 0, time.perf_counter()

    candidates: Tensor
    place: Tensor

    def training_step(self, step: Step, _index: int) -> Tensor:
        mean = self._full_loss(step.batch) if self.config.loss == "full" else self._sampled_loss(step.batch)
        loss = mean * (int(step.batch.counted.sum()) * step.share)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=1, sync_dist=self.trainer.world_size > 1)
        self.log("events/s", self._speed(step.batch), prog_bar=True, on_step=True, on_epoch=False, batch_size=1)
        return loss

    def _full_loss(self, batch: Batch) -> Tensor:
        table = self.model.items(torch.arange(len(self.place), device=self.device))
        users = self._users(table[batch.rows], batch)[batch.counted]
        if not len(users):  # this process's part of a small batch
            return users.sum() + 0 * table.sum()
        targets = self.place[batch.targets[batch.counted]]
        return full_softmax(users, table[self.candidates], targets, self.config.temperature)

    def _sampled_loss(self, batch: Batch) -> Tensor:
        config, targets = self.config, batch.targets[batch.counted]
        if not len(targets):  # this process's part of a small batch
            return 0 * torch.stack([parameter.sum() for parameter in self.parameters()]).sum()
        places = self.place[targets]
        drawn = (mixed if config.loss == "mixed" else uniform)(config.negatives, places, len(self.candidates))
        negatives = self.candidates[drawn.places]
        needed = torch.cat([batch.rows.flatten(), targets, negatives])
        rows, inverse = torch.unique(needed, return_inverse=True)  # so that id dropout treats all occurrences of an item alike
        sizes = [batch.rows.numel(), len(targets), len(negatives)]
        history, positive, negative = torch.split(self.model.items(rows)[inverse], sizes)
        users = self._users(history.view(*batch.rows.shape, history.shape[-1]), batch)[batch.counted]
        accidental = targets.unsqueeze(1) == negatives
        if config.loss == "gbce":
            return gbce(users, positive, negative, accidental, len(self.candidates), config.calibration, config.temperature)
        log_q = None if drawn.log_q is None else drawn.log_q[drawn.places]
        return sampled_softmax(users, positive, negative, accidental, config.temperature, log_q)

    def validation_step(self, step: Step, _index: int) -> None:
        inputs, _, seen = step
        assert seen is not None  # noqa: S101 - the validation loader provides it
        table = self.model.items(torch.arange(len(self.place), device=self.device))
        window, read = inputs.counted.nonzero(as_tuple=True)
        scores = self._users(table[inputs.rows], inputs)[window, read].float() @ table.float().T
        scores = scores.masked_fill(seen[window] < read.unsqueeze(1), -torch.inf)
        ranks = ranks_of(scores, inputs.targets[window, read])
        gains = torch.where(ranks < _CUTOFF, 1 / torch.log2(ranks + 2.0), 0.0)
        self.log("ndcg@10", gains.mean(), prog_bar=True, batch_size=len(gains))
        self.log("hr@10", (ranks < _CUTOFF).float().mean(), batch_size=len(gains))

    def _users(self, history: Tensor, batch: Batch) -> Tensor:
        return self.model.users(history, batch.kinds, batch.values, batch.gaps, batch.profile)

    def _speed(self, batch: Batch) -> float:
        """Events per second since the last step at which a report began."""
        self._events += int(batch.counted.sum())
        elapsed = time.perf_counter() - self._since
        speed = self._events / max(elapsed, 1e-6)
        if elapsed > 10:
            self._events, self._since = 0, time.perf_counter()
        return speed

    def configure_optimizers(self) -> dict[str, object]:  # type: ignore[override]
        optimizer = torch.optim.AdamW(
            list(parameter_groups(self.model, self.config.weight_decay)), lr=self.config.learning_rate, betas=(0.9, 0.98)
        )
        plan = learning_rate_plan(self.steps, self.config.warm_up_steps)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, plan)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_batch_start(self, _batch: Step, _index: int) -> None:
        # A resumed run draws the same numbers as an uninterrupted one.
        torch.manual_seed(self.seed * 1_000_003 + self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        checkpoint["fingerprint"] = self.fingerprint
        checkpoint["config"] = self.config.model_dump()
        checkpoint["epoch_metrics"] = reported(self.trainer.callback_metrics)


def reported(metrics: Mapping[str, Tensor]) -> dict[str, float]:
    """The record of an epoch: its mean loss, and the validation metrics if it was validated."""
    return {name: float(metrics[name]) for name in ("loss", "ndcg@10", "hr@10") if name in metrics}


def parameter_groups(model: nn.Module, weight_decay: float) -> Iterator[dict[str, object]]:
    """Weight decay for matrices only, not for tables, norms and biases: a rare item's embedding would only shrink."""
    matrices = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Linear)}
    parameters = list(model.parameters())
    yield {"params": [p for p in parameters if id(p) in matrices], "weight_decay": weight_decay}
    yield {"params": [p for p in parameters if id(p) not in matrices], "weight_decay": 0.0}


def learning_rate_plan(steps: int, warm_up: int) -> Callable[[int], float]:
    """Factor of the learning rate per step: linear warm-up over at most a tenth, then linear to zero (Defazio et al. 2023)."""
    warm_up = max(1, min(warm_up, steps // 10))
    return lambda step: min(1.0, (step + 1) / warm_up) * max(0.0, 1 - step / steps)


def ranks_of(scores: Tensor, targets: Tensor) -> Tensor:
    """How many other items do not score lower than the target, so that neither constant scores nor NaN count as a hit.

    [m, n], [m] -> [m].
    """
    own = scores.gather(1, targets.unsqueeze(1))
    return (~(scores < own)).sum(1) - 1
