"""Export: trained towers -> the files of a release bundle that retrieval answers for."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.jit._trace import TracerWarning  # torch.jit has it, but does not export it to type checkers

from core.bundle import ITEM_EMBEDDINGS, TOWER_WEIGHTS, USER_TOWER
from core.features import HISTORY_LENGTH
from retrieval.training import TrainedTowers
from retrieval.two_tower import TwoTower

OPSET = 17
INPUTS = ("items", "kinds", "values", "gaps", "mask")
OUTPUT = "user"


def export(trained: TrainedTowers, folder: Path) -> None:
    """Write user tower (ONNX), weights (safetensors) and item embeddings (npy) into an existing folder."""
    model = trained.model.cpu().eval()
    export_user_tower(model, trained.config.dim, folder / USER_TOWER)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / TOWER_WEIGHTS)
    np.save(folder / ITEM_EMBEDDINGS, trained.item_embeddings, allow_pickle=False)


def export_user_tower(model: TwoTower, dim: int, path: Path) -> None:
    """The user tower as ONNX: inputs `INPUTS` as in `UserTower` with any batch size B and length L, output `user` [B, d]."""
    shape = (2, HISTORY_LENGTH)
    example = (
        torch.zeros(*shape, dim),
        torch.zeros(shape, dtype=torch.int64),
        torch.zeros(shape),
        torch.zeros(shape),
        torch.ones(shape, dtype=torch.bool),
    )
    dynamic = {name: {0: "batch", 1: "length"} for name in INPUTS} | {OUTPUT: {0: "batch"}}
    with warnings.catch_warnings():
        # The exporter that traces is deprecated, but its successor needs onnxscript.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)
        torch.onnx.export(
            model,
            example,
            str(path),
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
