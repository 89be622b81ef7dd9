"""The exported files say the same as the trained model."""

from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file

from core.bundle import ITEM_EMBEDDINGS, TOWER_WEIGHTS, USER_TOWER
from core.catalogue import Catalogue
from core.features import HISTORY_LENGTH
from retrieval.config import TrainConfig
from retrieval.export import INPUTS, OUTPUT, export
from retrieval.training import TrainedTowers, train_towers

DIM = 16


@pytest.fixture(scope="module", params=[("ligr", "dot"), ("sasrec", "cosine")], ids=["ligr-dot", "sasrec-cosine"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedTowers, Path]:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"user_id": np.repeat(np.arange(1, 21), 8), "item_id": rng.integers(1, 11, 160)})
    frame = frame.with_columns(ts=pl.int_range(160).cast(pl.Float64) * 60, kind=pl.lit("rating"), value=pl.lit(3.5))
    genres = np.ones((10, 1), dtype=np.float32)
    films = Catalogue(np.arange(1, 11), ("x",) * 10, ("any",), genres, np.zeros(10, np.float32))
    block, similarity = request.param
    config = TrainConfig(dim=DIM, block=block, similarity=similarity, epochs=2, history_length=40)
    folder = tmp_path_factory.mktemp("bundle")
    trained = train_towers(frame, films, config, folder / "work", seed=0, progress=False)
    export(trained, folder)
    return trained, folder


def _inputs(batch: int, length: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(length)
    mask = np.ones((batch, length), dtype=bool)
    mask[0, : length // 2] = False
    return {
        "items": rng.normal(size=(batch, length, DIM)).astype(np.float32),
        "kinds": rng.integers(0, 10, (batch, length)),
        "values": rng.uniform(0, 5, (batch, length)).astype(np.float32),
        "gaps": rng.uniform(0, 20, (batch, length)).astype(np.float32),
        "mask": mask,
    }


def _session(folder: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(folder / USER_TOWER, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (3, 2), (2, 37), (1, HISTORY_LENGTH)])
def test_onnx_agrees_with_torch(exported: tuple[TrainedTowers, Path], batch: int, length: int) -> None:
    trained, folder = exported
    inputs = _inputs(batch, length)
    (served,) = _session(folder).run([OUTPUT], inputs)
    with torch.no_grad():
        expected = trained.model(*(torch.from_numpy(inputs[name]) for name in INPUTS)).numpy()
    assert served.dtype == np.float32
    np.testing.assert_allclose(served, expected, atol=1e-5, rtol=0)


def test_onnx_ignores_padding(exported: tuple[TrainedTowers, Path]) -> None:
    inputs = _inputs(1, 20)
    session = _session(exported[1])
    padded, short = session.run(None, inputs)[0], session.run(None, {name: a[:, 10:] for name, a in inputs.items()})[0]
    np.testing.assert_allclose(padded, short, atol=1e-5, rtol=0)


def test_the_interface_is_the_one_that_serving_calls(exported: tuple[TrainedTowers, Path]) -> None:
    session = _session(exported[1])
    types = {entry.name: entry.type for entry in session.get_inputs()}
    floats = dict.fromkeys(("items", "values", "gaps"), "tensor(float)")
    assert types == floats | {"kinds": "tensor(int64)", "mask": "tensor(bool)"}
    assert [entry.name for entry in session.get_outputs()] == ["user"]


def test_embeddings_and_weights_are_the_trained_ones(exported: tuple[TrainedTowers, Path]) -> None:
    trained, folder = exported
    np.testing.assert_array_equal(np.load(folder / ITEM_EMBEDDINGS, allow_pickle=False), trained.item_embeddings)
    stored = load_file(folder / TOWER_WEIGHTS)
    assert stored.keys() == trained.model.state_dict().keys()
    np.testing.assert_array_equal(stored["item_tower.ids.weight"], trained.model.item_tower.ids.weight.detach().numpy())
