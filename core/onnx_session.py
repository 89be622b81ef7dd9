"""ONNX Runtime for one request at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import onnxruntime

from core.errors import BundleCorrupt

Session: TypeAlias = onnxruntime.InferenceSession


def one_thread_session(model: bytes | Path) -> Session:
    """A session that computes in the caller's thread: a request has little to compute, and a server computes for several at once.

    Raises BundleCorrupt for what ONNX Runtime cannot read.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises a class of its own for every kind of damage, without a common base
        raise BundleCorrupt(f"it is not a model that ONNX Runtime can read: {error}") from error
