"""Boosted trees as an ONNX model: LightGBM's own scores in half of its time, in a process without LightGBM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from core.onnx_session import one_thread_session

if TYPE_CHECKING:
    import lightgbm as lgb

_INPUT, _OUTPUT, _MADE_FROM = "features", "scores", "made_from"
_OPSETS = {"": 21, "ai.onnx.ml": 3}  # the latter is the one with TreeEnsembleRegressor
_IR_VERSION = 10


class TreeScorer:
    """Scores rows of features by trees, on one thread. Thread-safe. Raises BundleCorrupt for what is no such model."""

    def __init__(self, model: bytes) -> None:
        self._session = one_thread_session(model)
        self.made_from: str = self._session.get_modelmeta().custom_metadata_map.get(_MADE_FROM, "")
        if [one.name for one in self._session.get_inputs()] != [_INPUT]:
            raise BundleCorrupt(f"it is no model of trees: it does not read {_INPUT!r} alone")

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [n, f], finite -> the sum of the trees' leaves [n]."""
        found: NDArray[np.float32] = self._session.run([_OUTPUT], {_INPUT: features})[0]
        return found[:, 0]


def as_onnx(booster: lgb.Booster, made_from: str) -> bytes:
    """The trees of a booster; `made_from` comes back as that of their `TreeScorer`.

    A row goes left where its value, in single precision, is at most the threshold, which LightGBM keeps in double precision. So
    the threshold becomes the next number below it that single precision has, and every row takes the path that it takes there;
    rounded to the nearest, as converters do, some rows take another one. Raises ValueError for trees that ask other questions,
    such as whether a value is missing.
    """
    from onnx import TensorProto, helper

    found = booster.dump_model()
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    nodes: dict[str, list[Any]] = {name: [] for name in names}
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree, one in enumerate(found["tree_info"]):
        for node, at, children in _numbered(one["tree_structure"]):
            leaf = children is None
            left, right = children or (0, 0)
            split = (0, "LEAF", 0.0) if leaf else (node["split_feature"], "BRANCH_LEQ", _single_precision_below(_threshold(node)))
            for name, value in zip(names, (tree, at, *split, left, right), strict=True):
                nodes[name].append(value)
            if leaf:
                for name, value in zip(leaves, (tree, at, 0, float(node["leaf_value"])), strict=True):
                    leaves[name].append(value)
    attributes: dict[str, Any] = {f"nodes_{name}": values for name, values in nodes.items()}
    attributes |= {f"target_{name}": values for name, values in leaves.items()}
    trees = helper.make_node("TreeEnsembleRegressor", [_INPUT], [_OUTPUT], domain="ai.onnx.ml", n_targets=1, **attributes)
    width = len(found["feature_names"])
    graph = helper.make_graph(
        [trees],
        "ranker",
        [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="marquee")
    helper.set_model_props(model, {_MADE_FROM: made_from})
    return bytes(model.SerializeToString())


def _numbered(root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int, tuple[int, int] | None]]:
    """Each node of a tree with its number, and the numbers of its children; None for a leaf."""
    waiting, given = [(root, 0)], 1
    while waiting:
        node, at = waiting.pop()
        if "split_feature" not in node:
            yield node, at, None
            continue
        yield node, at, (given, given + 1)
        waiting += [(node["left_child"], given), (node["right_child"], given + 1)]
        given += 2


def _threshold(node: dict[str, Any]) -> float:
    if node["decision_type"] != "<=" or node["missing_type"] != "None":
        raise ValueError(
            f"a tree asks {node['decision_type']!r} with missing values {node['missing_type']!r}; known: '<=', 'None'"
        )
    return float(node["threshold"])


def _single_precision_below(value: float) -> float:
    """The largest number of single precision that is not above a value."""
    nearest = np.float32(value)
    return float(nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(-np.inf)))
