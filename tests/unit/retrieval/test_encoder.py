"""History -> tower inputs -> user vector, with a tower small enough to compute by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from core.features import UserFeatures
from core.kinds import KINDS
from retrieval.encoder import HISTORY_LENGTH, N_KINDS, UserEncoder
from retrieval.history import PROFILE_BUCKETS, history_of, profile_buckets, tower_inputs

CATALOGUE = Catalogue.from_frame(
    pl.DataFrame({"item_id": [10, 20, 30], "title": ["a", "b", "c"], "genres": [["x"], ["x"], ["y"]], "year": [1999, 2000, 2001]})
)
EMBEDDINGS = np.array([[1, 0], [0, 1], [4, 4]], dtype=np.float32)


MAX_LENGTH = 6


def write_tower(path: Path, drop: str | None = None, max_length: int | None = MAX_LENGTH, n_kinds: int | None = None) -> Path:
    """A tower with the real one's contract: the mean over events of item + kind + value + gap, plus the profile's sum."""
    f, i = TensorProto.FLOAT, TensorProto.INT64
    inputs = {"items": (f, ["B", "L", 2]), "kinds": (i, ["B", "L"]), "values": (f, ["B", "L"]), "gaps": (f, ["B", "L"])}
    inputs |= {"length": (i, ["B"]), "profile": (i, ["B", "P"])}
    nodes = [
        helper.make_node("Cast", ["kinds"], ["kind"], to=f),
        helper.make_node("Cast", ["length"], ["count"], to=f),
        helper.make_node("Cast", ["profile"], ["attributes"], to=f),
        helper.make_node("Add", ["values", "gaps"] if drop is None else ["values", "values"], ["context"]),
        helper.make_node("Add", ["context", "kind"], ["all_context"]),
        helper.make_node("Unsqueeze", ["all_context", "last"], ["wide"]),
        helper.make_node("Add", ["items", "wide"], ["event"]),  # padding is zero here, so it adds nothing
        helper.make_node("ReduceSum", ["event", "axis"], ["total"], keepdims=0),
        helper.make_node("Max", ["count", "one"], ["at_least_one"]),
        helper.make_node("Unsqueeze", ["at_least_one", "axis"], ["divisor"]),
        helper.make_node("Div", ["total", "divisor"], ["mean"]),
        helper.make_node("ReduceSum", ["attributes", "axis"], ["sum"]),
        helper.make_node("Add", ["mean", "sum"], ["user"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tower",
        [helper.make_tensor_value_info(name, *spec) for name, spec in inputs.items() if name != drop],
        [helper.make_tensor_value_info("user", f, ["B", 2])],
        [
            helper.make_tensor("last", i, [1], [2]),
            helper.make_tensor("axis", i, [1], [1]),
            helper.make_tensor("one", f, [1], [1.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    if max_length is not None:
        known = {} if n_kinds is None else {N_KINDS: str(n_kinds)}
        helper.set_model_props(model, {HISTORY_LENGTH: str(max_length), **known})
    onnx.save(model, path)
    return path


@pytest.fixture
def encoder(tmp_path: Path) -> UserEncoder:
    return UserEncoder(write_tower(tmp_path / "tower.onnx"), EMBEDDINGS, CATALOGUE)


def user(items: list[int], kinds: list[int], values: list[float], times: list[float]) -> UserFeatures:
    return UserFeatures(
        1, np.array(items, dtype=np.int64), np.array(kinds), np.array(values, dtype=np.float32), np.array(times, dtype=np.float64)
    )


TWO_EVENTS = user([30, 10], [3, 1], [5.0, 0.0], [100.0, 100.0 + np.e - 1])


def test_history_gives_rows_and_log_gaps() -> None:
    history = history_of(TWO_EVENTS, CATALOGUE, MAX_LENGTH)
    assert history.rows.tolist() == [2, 0]
    assert history.kinds.tolist() == [3, 1]
    assert history.values.tolist() == [5.0, 0.0]
    np.testing.assert_allclose(history.gaps, [0.0, 1.0], rtol=1e-6)


def test_items_the_release_does_not_know_are_skipped_and_gaps_bridge_them() -> None:
    history = history_of(user([10, 999, 20], [1, 1, 1], [0, 0, 0], [0.0, 10.0, 30.0]), CATALOGUE, MAX_LENGTH)
    assert history.rows.tolist() == [0, 1]
    np.testing.assert_allclose(history.gaps, [0.0, np.log1p(30.0)], rtol=1e-6)


@pytest.mark.parametrize(("n_kinds", "known"), [(None, 10), (8, 8), (12, 12)])
def test_events_of_kinds_that_the_tower_does_not_know_are_left_out(tmp_path: Path, n_kinds: int | None, known: int) -> None:
    """A tower of older code has no embedding for a kind that came later; one that does not say knows the first ten."""
    encoder = UserEncoder(write_tower(tmp_path / "tower.onnx", n_kinds=n_kinds), EMBEDDINGS, CATALOGUE)
    mixed = user([10, 30, 20], [1, known, known - 1], [0.0, 90.0, 0.0], [0.0, 10.0, 30.0])
    without = user([10, 20], [1, known - 1], [0.0, 0.0], [0.0, 30.0])
    assert encoder.history(mixed).kinds.tolist() == [1, known - 1]
    np.testing.assert_array_equal(encoder.encode_many([mixed]), encoder.encode_many([without]))
    assert encoder.encode(user([30], [known], [90.0], [10.0])) is None


def test_a_clock_that_ran_backwards_counts_as_no_gap() -> None:
    history = history_of(user([10, 20], [1, 1], [0, 0], [50.0, 20.0]), CATALOGUE, MAX_LENGTH)
    assert history.gaps.tolist() == [0.0, 0.0]


def test_only_the_latest_events_are_read() -> None:
    n = MAX_LENGTH + 5
    history = history_of(user([10] * 5 + [20] * (n - 5), [1] * n, [0] * n, [float(t) for t in range(n)]), CATALOGUE, MAX_LENGTH)
    assert history.rows.tolist() == [1] * MAX_LENGTH
    assert history.gaps[0] == 0.0


def test_batches_are_padded_on_the_right() -> None:
    short = history_of(user([20], [7], [3.0], [5.0]), CATALOGUE, MAX_LENGTH)
    inputs = tower_inputs([history_of(TWO_EVENTS, CATALOGUE, MAX_LENGTH), short], EMBEDDINGS)
    assert inputs["length"].tolist() == [2, 1]
    assert inputs["items"].tolist() == [[[4, 4], [1, 0]], [[0, 1], [0, 0]]]
    assert inputs["kinds"].tolist() == [[3, 1], [7, 0]]
    assert inputs["values"].tolist() == [[5, 0], [3, 0]]
    assert inputs["profile"].tolist() == [[0], [0]]
    assert {name: array.dtype.name for name, array in inputs.items()} == {
        "items": "float32",
        "kinds": "int64",
        "values": "float32",
        "gaps": "float32",
        "length": "int64",
        "profile": "int64",
    }


def test_a_profile_is_enough_for_a_vector(encoder: UserEncoder) -> None:
    newcomer = UserFeatures(1, profile=("age:25", "gender:F"))
    expected = float(profile_buckets(newcomer.profile).sum())
    vector = encoder.encode(newcomer)
    assert vector is not None
    assert vector.tolist() == [expected, expected]
    assert 0 < profile_buckets(newcomer.profile).min() <= profile_buckets(newcomer.profile).max() < PROFILE_BUCKETS


def test_encodes_as_computed_by_hand(encoder: UserEncoder) -> None:
    vector = encoder.encode(TWO_EVENTS)
    # (item 30 + kind 3 + value 5 + gap 0) and (item 10 + kind 1 + value 0 + gap 1), averaged
    assert vector is not None
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [((4 + 8) + (1 + 2)) / 2, ((4 + 8) + (0 + 2)) / 2], rtol=1e-6)


def test_no_known_item_no_vector(encoder: UserEncoder) -> None:
    assert encoder.encode(UserFeatures(1)) is None
    assert encoder.encode(user([999], [1], [0], [0.0])) is None


def test_many_users_get_what_each_would_get_alone(encoder: UserEncoder) -> None:
    rng = np.random.default_rng(0)

    def random_user() -> UserFeatures:
        n = int(rng.integers(0, 9))
        items: NDArray[np.int64] = rng.choice([10, 20, 30, 999], size=n)
        times = np.sort(rng.uniform(0, 1e6, n)).tolist()
        return user(items.tolist(), rng.integers(0, 10, n).tolist(), rng.uniform(0, 5, n).tolist(), times)

    users = [random_user() for _ in range(50)]
    together = encoder.encode_many(users, batch=7)
    for one, vector in zip(users, together, strict=True):
        alone = encoder.encode(one)
        np.testing.assert_allclose(vector, np.zeros(2) if alone is None else alone, rtol=1e-5, atol=1e-6)


def test_serving_reads_a_history_as_training_read_it() -> None:
    """Two preparations, one for speed over all users and one for a request: the numbers must be equal."""
    from retrieval.sequences import Sequences, Windows, collate

    events = {1: user([10, 999, 30, 20, 10], [3, 0, 3, 2, 1], [4, 0, 5, 90, 0], [10, 20, 500, 7000, 7000.5])}
    events[2] = user([20, 30, 10], [3, 3, 1], [2, 3, 0], [1e9, 1e9 + 86_400, 1e9 + 86_401])
    frame = pl.concat(
        pl.DataFrame(
            {
                "user_id": np.full(len(one.item_ids), user_id),
                "item_id": one.item_ids,
                "kind": [KINDS[code].value for code in one.kinds],
                "value": one.values.astype(np.float64),
                "ts": one.times,
            }
        )
        for user_id, one in events.items()
    )
    sequences = Sequences.from_frame(frame, CATALOGUE)
    start, end = sequences.starts[:-1], sequences.starts[1:] - 1  # the last event of each user is what training predicts
    trained = collate(sequences, Windows(start, end, start, np.arange(2)))
    seen = [UserFeatures(u, one.item_ids[:-1], one.kinds[:-1], one.values[:-1], one.times[:-1]) for u, one in events.items()]
    served = tower_inputs([history_of(one, CATALOGUE, MAX_LENGTH) for one in seen], EMBEDDINGS)
    real = np.arange(trained.rows.shape[1]) < served["length"][:, None]
    np.testing.assert_array_equal(trained.counted.numpy()[:, 1:] & ~real, False)
    np.testing.assert_array_equal(served["items"][real], EMBEDDINGS[trained.rows.numpy()][real])
    for name in ("kinds", "values", "gaps"):
        np.testing.assert_array_equal(served[name][real], getattr(trained, name).numpy()[real])


def test_refuses_embeddings_of_another_catalogue(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="2 item embeddings for 3 items"):
        UserEncoder(write_tower(tmp_path / "tower.onnx"), EMBEDDINGS[:2], CATALOGUE)


def test_refuses_a_damaged_tower(tmp_path: Path) -> None:
    path = write_tower(tmp_path / "tower.onnx")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BundleCorrupt, match="ONNX Runtime"):
        UserEncoder(path, EMBEDDINGS, CATALOGUE)


def test_refuses_a_tower_with_other_inputs(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="contract"):
        UserEncoder(write_tower(tmp_path / "tower.onnx", drop="gaps"), EMBEDDINGS, CATALOGUE)


def test_refuses_a_tower_that_does_not_say_how_much_it_reads(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="how many events"):
        UserEncoder(write_tower(tmp_path / "tower.onnx", max_length=None), EMBEDDINGS, CATALOGUE)
