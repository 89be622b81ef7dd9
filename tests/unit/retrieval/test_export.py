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
from core.features import UserFeatures
from core.kinds import KINDS
from retrieval.config import TrainConfig
from retrieval.encoder import UserEncoder
from retrieval.export import INPUTS, OUTPUT, export
from retrieval.history import history_of
from retrieval.training import TrainedTowers, train_towers

DIM, LENGTH = 16, 40
# block, similarity, spectral rank, members
CASES = [
    ("ligr", "dot", 0, 1),
    ("sasrec", "cosine", 0, 1),
    ("hstu", "dot", 0, 1),
    ("ligr", "dot", 5, 1),
    ("ligr", "cosine", 5, 2),
]
FILMS = Catalogue(np.arange(1, 11), ("x",) * 10, ("any",), np.ones((10, 1), np.float32), np.zeros(10, np.float32))


@pytest.fixture(scope="module", params=CASES, ids=["-".join(map(str, case)) for case in CASES])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedTowers, Path]:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"user_id": np.repeat(np.arange(1, 21), 8), "item_id": rng.integers(1, 11, 160)})
    frame = frame.with_columns(ts=pl.int_range(160).cast(pl.Float64) * 60, kind=pl.lit("rating"), value=pl.lit(3.5))
    block, similarity, rank, members = request.param
    config = TrainConfig(
        dim=DIM, block=block, similarity=similarity, epochs=2, history_length=LENGTH, spectral_rank=rank, members=members
    )
    folder = tmp_path_factory.mktemp("bundle")
    trained = train_towers(frame, FILMS, config, folder / "work", seed=0, progress=False)
    export(trained, folder)
    return trained, folder


def _inputs(batch: int, length: int, dim: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(length)
    return {
        "items": rng.normal(size=(batch, length, dim)).astype(np.float32),
        "kinds": rng.integers(0, 10, (batch, length)),
        "values": rng.uniform(0, 5, (batch, length)).astype(np.float32),
        "gaps": rng.uniform(0, 20, (batch, length)).astype(np.float32),
        "length": rng.integers(0, length + 1, batch),
        "profile": rng.integers(0, 9, (batch, 2)),
    }


def _session(folder: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(folder / USER_TOWER, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (3, 2), (2, 37), (1, LENGTH)])
def test_onnx_agrees_with_torch(exported: tuple[TrainedTowers, Path], batch: int, length: int) -> None:
    trained, folder = exported
    inputs = _inputs(batch, length, trained.item_embeddings.shape[1])
    (served,) = _session(folder).run([OUTPUT], inputs)
    with torch.no_grad():
        expected = trained.model(*(torch.from_numpy(inputs[name]) for name in INPUTS)).numpy()
    assert served.dtype == np.float32
    np.testing.assert_allclose(served, expected, atol=1e-5, rtol=0)


def test_onnx_ignores_padding(exported: tuple[TrainedTowers, Path]) -> None:
    inputs = _inputs(1, 20, exported[0].item_embeddings.shape[1]) | {"length": np.array([10])}
    events = ("items", "kinds", "values", "gaps")
    session = _session(exported[1])
    short = inputs | {name: inputs[name][:, :10] for name in events}
    np.testing.assert_allclose(session.run(None, inputs)[0], session.run(None, short)[0], atol=1e-5, rtol=0)


def test_offline_and_online_give_a_user_the_same_vector(exported: tuple[TrainedTowers, Path]) -> None:
    trained, folder = exported
    films = np.arange(1, 51) % 10 + 1
    codes = np.full(50, 3)
    someone = UserFeatures(1, films, codes, np.full(50, 4.0, np.float32), np.arange(50) * 60.0, profile=("age:25",))
    newcomer = UserFeatures(2, profile=("age:25", "gender:F"))
    encoder = UserEncoder(folder / USER_TOWER, trained.item_embeddings, FILMS)
    assert (encoder.history_length, encoder.n_kinds) == (LENGTH, len(KINDS))
    offline = trained.users([history_of(user, FILMS, LENGTH) for user in (someone, newcomer)])
    np.testing.assert_allclose(encoder.encode_many([someone, newcomer]), offline, atol=1e-5, rtol=0)
    assert not np.allclose(offline[0], offline[1])


def test_the_interface_is_the_one_that_serving_calls(exported: tuple[TrainedTowers, Path]) -> None:
    session = _session(exported[1])
    types = {entry.name: entry.type for entry in session.get_inputs()}
    floats = dict.fromkeys(("items", "values", "gaps"), "tensor(float)")
    assert types == floats | dict.fromkeys(("kinds", "length", "profile"), "tensor(int64)")
    assert [entry.name for entry in session.get_outputs()] == ["user"]


def test_embeddings_and_weights_are_the_trained_ones(exported: tuple[TrainedTowers, Path]) -> None:
    trained, folder = exported
    np.testing.assert_array_equal(np.load(folder / ITEM_EMBEDDINGS, allow_pickle=False), trained.item_embeddings)
    stored = load_file(folder / TOWER_WEIGHTS)
    assert stored.keys() == trained.model.state_dict().keys()
    for name, tensor in trained.model.state_dict().items():
        np.testing.assert_array_equal(stored[name], tensor.numpy())
