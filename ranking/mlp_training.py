"""Trains an MLP that ranks, by listwise softmax cross-entropy over a query's candidates.

That is ListNet with top-one probabilities (Cao, Qin, Liu, Tsai and Li, ICML 2007).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import DatasetError
from ranking.mlp import EPOCHS, INPUT, MEANS, NAMES, ORDER_WEIGHT, OUTPUT, MlpRanker
from ranking.mlp_config import MlpConfig
from ranking.ranking_rows import RankingRows

OPSET = 17
_ROWS = 65_536  # that are scored at a time
_MAX_DEVIATION = 5.0  # standard deviations from the mean, to which features are clipped


class Mlp(nn.Module):
    """Features [n, F] -> scores [n]."""

    means: Tensor
    deviations: Tensor

    def __init__(self, means: Tensor, deviations: Tensor, config: MlpConfig) -> None:
        """`means` and `deviations` [F] are those of the rows that it learns from."""
        super().__init__()
        self.register_buffer("means", means)
        self.register_buffer("deviations", deviations)
        layers: list[nn.Module] = []
        for size, following in zip((len(means), *config.hidden), config.hidden, strict=False):
            layers += [nn.Linear(size, following), nn.ReLU(), nn.Dropout(config.dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(config.hidden[-1], 1))

    def forward(self, features: Tensor) -> Tensor:
        scaled = torch.clamp((features - self.means) / self.deviations, -_MAX_DEVIATION, _MAX_DEVIATION)
        scores: Tensor = self.layers(scaled).squeeze(-1)
        return scores


def train_mlp(rows: RankingRows, config: MlpConfig, seed: int) -> MlpRanker:
    """Choose the number of epochs and the weight of the sources' order on held-out queries, then learn from all.

    Raises DatasetError when no query has a relevant candidate.
    """
    if not rows.relevant.any():
        raise DatasetError("no training query has a relevant candidate: the ranker has nothing to learn")
    split = rows.held_out()
    if split is None:
        epochs, weight = config.epochs, rows.order_weights[len(rows.order_weights) // 2]
    else:
        learned, later = split
        features = torch.from_numpy(np.ascontiguousarray(later.features))
        found = {epoch: _scores(model, features) for epoch, model in _epochs(learned, config, config.epochs, seed)}
        epochs, weight = later.best(found)
    for _, model in _epochs(rows, config, epochs, seed):
        last = model
    return MlpRanker(_exported(last, rows, epochs, weight))


def _epochs(rows: RankingRows, config: MlpConfig, epochs: int, seed: int) -> Iterator[tuple[int, Mlp]]:
    """The same model after each epoch, from 1."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    some = rows.sampled(config.near, config.far, rng)
    lists, mask, target, weights = _padded(some)
    deviations = some.features.std(axis=0)
    means = torch.from_numpy(some.features.mean(axis=0))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Mlp(means, torch.from_numpy(np.where(deviations > 0, deviations, 1.0).astype(np.float32)), config)
        optimizer = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        features = torch.from_numpy(np.ascontiguousarray(some.features))
        for epoch in range(1, epochs + 1):
            model.train()
            for part in torch.randperm(len(lists), generator=generator).split(config.batch):  # type: ignore[no-untyped-call]
                scores = model(features[lists[part]]).masked_fill(~mask[part], -torch.inf)
                losses = nn.functional.cross_entropy(scores, target[part], reduction="none")
                loss = (losses * weights[part]).sum() / weights[part].sum().clamp_min(1e-9)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            yield epoch, model.eval()


def _padded(rows: RankingRows) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each query with a relevant candidate: the rows of its candidates [m, longest], which of them are there, which came next
    [m], and the query's weight [m]."""
    has = np.maximum.reduceat(rows.relevant, rows.starts) > 0
    starts, groups = rows.starts[has], rows.groups[has]
    at = np.arange(groups.max())
    mask = at < groups[:, None]
    lists = np.where(mask, starts[:, None] + at, starts[:, None])
    target = np.where(mask, rows.relevant[lists], 0).argmax(axis=1)
    return torch.from_numpy(lists), torch.from_numpy(mask), torch.from_numpy(target), torch.from_numpy(rows.weights[has])


@torch.inference_mode()
def _scores(model: Mlp, features: Tensor) -> NDArray[np.float32]:
    return np.concatenate([model(features[at : at + _ROWS]).numpy() for at in range(0, len(features), _ROWS)])


def _exported(model: Mlp, rows: RankingRows, epochs: int, weight: float) -> bytes:
    """As ONNX, with what serving needs to know of it in its metadata."""
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        path = Path(folder) / "mlp.onnx"
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # as in retrieval.export
        torch.onnx.export(
            model,
            (torch.zeros(2, len(rows.names)),),
            str(path),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "candidates"}, OUTPUT: {0: "candidates"}},
            opset_version=OPSET,
            dynamo=False,
        )
        exported = onnx.load(str(path))
    means = rows.features.mean(axis=0).tolist()
    properties = {NAMES: json.dumps(rows.names), MEANS: json.dumps(means), ORDER_WEIGHT: f"{weight:g}", EPOCHS: str(epochs)}
    onnx.helper.set_model_props(exported, properties)
    return bytes(exported.SerializeToString())
