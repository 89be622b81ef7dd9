"""Export: trained towers -> the retrieval files of a release bundle."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from safetensors.torch import save_file
from torch.jit._trace import TracerWarning  # torch.jit has it, but does not export it to type checkers

from core.bundle import ITEM_EMBEDDINGS, TOWER_WEIGHTS, USER_TOWER
from core.kinds import KINDS
from retrieval.encoder import HISTORY_LENGTH, N_KINDS
from retrieval.training import Towers, TrainedTowers

OPSET = 17
INPUTS = ("items", "kinds", "values", "gaps", "length", "profile")
OUTPUT = "user"


def export(trained: TrainedTowers, folder: Path) -> None:
    """Write user tower (ONNX), weights (safetensors) and item embeddings (npy) into an existing folder."""
    model = trained.model.cpu().eval()
    export_user_tower(model, trained.item_embeddings.shape[1], folder / USER_TOWER)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / TOWER_WEIGHTS)
    np.save(folder / ITEM_EMBEDDINGS, trained.item_embeddings, allow_pickle=False)


def export_user_tower(model: Towers, dim: int, path: Path) -> None:
    """The user tower as ONNX: inputs `INPUTS` as in `UserTower` with any B, L and P, output `user` [B, d]."""
    max_length = model.history_length
    shape = (2, min(max_length, 3))
    example = (
        torch.zeros(*shape, dim),
        torch.zeros(shape, dtype=torch.int64),
        torch.zeros(shape),
        torch.zeros(shape),
        torch.ones(2, dtype=torch.int64),
        torch.zeros((2, 1), dtype=torch.int64),
    )
    dynamic = {name: {0: "batch", 1: "length"} for name in INPUTS[:4]}
    dynamic |= {"length": {0: "batch"}, "profile": {0: "batch", 1: "attributes"}, OUTPUT: {0: "batch"}}
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, but its successor needs onnxscript.
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
    exported = onnx.load(str(path))
    onnx.helper.set_model_props(exported, {HISTORY_LENGTH: str(max_length), N_KINDS: str(len(KINDS))})
    onnx.save(exported, str(path))
