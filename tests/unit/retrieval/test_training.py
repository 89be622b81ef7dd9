"""Training learns what there is to learn, repeats itself exactly, sees no future, and goes on where it was interrupted."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.catalogue import Catalogue
from core.errors import DatasetError, InvalidInput
from core.kinds import KIND_CODE
from retrieval.config import TrainConfig
from retrieval.datamodule import SequenceData, Split, split_by_time, split_leave_one_out
from retrieval.history import EncodedHistory, profile_buckets
from retrieval.module import TowerModule
from retrieval.sequences import Sequences
from retrieval.training import TrainedTowers, train_towers

N_ITEMS = 24
SMALL = {"dim": 16, "blocks": 1, "heads": 1, "dropout": 0.0, "history_length": 8, "learning_rate": 0.01, "batch_events": 256}


def small(**values: object) -> TrainConfig:
    return TrainConfig.of(**(SMALL | {"epochs": 3, "id_dropout": 0.0} | values))


def catalogue(n: int = N_ITEMS, genres: np.ndarray | None = None) -> Catalogue:
    hot = np.ones((n, 1), dtype=np.float32) if genres is None else genres
    names = tuple(f"g{k}" for k in range(hot.shape[1]))
    return Catalogue(np.arange(1, n + 1), tuple(f"film {k}" for k in range(n)), names, hot, np.full(n, 2000, np.float32))


def checkerboard(n_users: int = 80, per_user: int = 9, n_items: int = N_ITEMS, seed: int = 0) -> pl.DataFrame:
    """Users of odd taste watch odd catalogue rows, the others even ones; each leaves some of their colour unseen."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        for step, k in enumerate(rng.permutation(n_items // 2)[:per_user]):
            rows.append((user + 1, int(2 * k + user % 2) + 1, 1e9 + step * 1000 + user))
    frame = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    return frame.with_columns(kind=pl.lit("rating"), value=pl.lit(4.0))


def scores_after(trained: TrainedTowers, rows: list[int]) -> np.ndarray:
    """Scores of every item for a user who rated these catalogue rows."""
    n = len(rows)
    rated = (np.array(rows), np.full(n, KIND_CODE["rating"]), np.full(n, 4.0, np.float32), np.zeros(n, np.float32))
    user = trained.users([EncodedHistory(*rated, profile=np.empty(0, np.int64))])[0]
    return trained.item_embeddings @ user


def test_without_a_terminal_a_training_writes_lines_and_no_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    train_towers(checkerboard(), catalogue(), small(epochs=2), tmp_path / "quick", seed=1, progress=True)
    assert "\r" not in "".join(captured := capfd.readouterr())
    assert captured.err == captured.out == ""  # done within ten seconds
    monkeypatch.setattr("core.progress.EVERY", 0.0)
    train_towers(checkerboard(), catalogue(), small(epochs=2), tmp_path / "told", seed=1, progress=True)
    lines = capfd.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith("  training: epoch ") for line in lines)
    assert "of at most 2" in lines[0]
    assert "NDCG@10" in lines[-1]


@pytest.mark.parametrize(
    "choice",
    [
        {"block": "ligr", "loss": "full"},
        {"block": "sasrec", "loss": "sampled", "negatives": 16},
        {"block": "ligr", "loss": "full", "similarity": "cosine", "temperature": 0.1},
        {"block": "ligr", "loss": "full", "ema": 0.9},
        {"block": "hstu", "loss": "full", "precision": "bfloat16"},
        {"block": "ligr", "loss": "mixed", "negatives": 16},
        {"block": "sasrec", "loss": "gbce", "negatives": 23, "calibration": 0.0, "epochs": 60},
        {"block": "ligr", "loss": "full", "validation": "leave_one_out"},
    ],
    ids=["ligr-full", "sasrec-sampled", "cosine", "averaged", "hstu-bfloat16", "mixed", "gbce", "leave-one-out"],
)
def test_the_checkerboard_is_recovered(tmp_path: Path, choice: dict[str, object]) -> None:
    config = small(**({"epochs": 30, "patience": 60, "validation_share": 0.1} | choice))
    trained = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=1, progress=False)
    for colour in (0, 1):
        scores = scores_after(trained, [colour + 2 * k for k in (3, 0, 5)])
        own, other = scores[colour::2], scores[1 - colour :: 2]
        assert np.sort(own)[3:].min() > other.max(), "the nine unseen films of the user's colour must come first"
    assert trained.metrics["ndcg@10"] > 0.5
    assert trained.item_embeddings.shape == (N_ITEMS, 16)
    assert trained.item_embeddings.dtype == np.float32


def test_the_same_seed_gives_the_same_towers_and_another_seed_others(tmp_path: Path) -> None:
    config = small(dropout=0.2, id_dropout=0.2, loss="sampled", negatives=8)
    first, again, other = (
        train_towers(checkerboard(), catalogue(), config, tmp_path / str(k), seed=seed, progress=False).item_embeddings
        for k, seed in enumerate((5, 5, 6))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # torch's own, while it traces
def test_compiled_blocks_learn_the_same(tmp_path: Path) -> None:
    plain, compiled = (
        train_towers(checkerboard(), catalogue(), small(epochs=1, compile=how), tmp_path / how, seed=0, progress=False)
        for how in ("off", "aot_eager")
    )
    np.testing.assert_allclose(compiled.item_embeddings, plain.item_embeddings, atol=1e-4)
    assert compiled.model.state_dict().keys() == plain.model.state_dict().keys()


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    rows = checkerboard().with_columns(pl.col("ts") // 2000)  # many ties
    straight, shuffled = (
        train_towers(frame, catalogue(), small(epochs=1), tmp_path, seed=0, progress=False).item_embeddings
        for frame in (rows, rows.sample(fraction=1.0, shuffle=True, seed=3))
    )
    np.testing.assert_array_equal(straight, shuffled)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_an_interrupted_training_resumes_and_ends_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ema: float
) -> None:
    config = small(epochs=4, dropout=0.1, id_dropout=0.1, ema=ema)
    whole = train_towers(checkerboard(), catalogue(), config, tmp_path / "whole", seed=2, progress=False)

    training_step = TowerModule.training_step

    def interrupted(self: TowerModule, batch: object, index: int) -> torch.Tensor:
        if self.current_epoch == 2 and index == 1:
            raise KeyboardInterrupt
        return training_step(self, batch, index)

    workdir = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(TowerModule, "training_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_towers(checkerboard(), catalogue(), config, workdir, seed=2, progress=False)
    assert (workdir / "last.ckpt").exists()

    with caplog.at_level(logging.WARNING, "retrieval"):
        resumed = train_towers(checkerboard(), catalogue(), config, workdir, seed=2, progress=False)
    assert "resumes" in caplog.text
    np.testing.assert_allclose(resumed.item_embeddings, whole.item_embeddings, atol=1e-6)
    assert resumed.metrics == pytest.approx(whole.metrics)
    assert not (workdir / "last.ckpt").exists()


@pytest.mark.parametrize("left_over", ["another seed", "garbage"])
def test_a_checkpoint_that_does_not_fit_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, left_over: str
) -> None:
    config = small(epochs=1)
    clean = train_towers(checkerboard(), catalogue(), config, tmp_path / "clean", seed=4, progress=False)
    (tmp_path / "work").mkdir()
    if left_over == "garbage":
        (tmp_path / "work" / "last.ckpt").write_bytes(b"PK\x03\x04 half a file")
    else:
        torch.save({"fingerprint": "of another run", "epoch": 0}, tmp_path / "work" / "last.ckpt")
    with caplog.at_level(logging.WARNING, "retrieval"):
        trained = train_towers(checkerboard(), catalogue(), config, tmp_path / "work", seed=4, progress=False)
    assert "starts clean" in caplog.text
    np.testing.assert_array_equal(trained.item_embeddings, clean.item_embeddings)


@pytest.mark.parametrize("splitting", ["time", "leave one out"])
def test_held_out_events_change_nothing_in_training(splitting: str) -> None:
    """A future event is planted: the same plan of batches must come out to the last bit."""
    films, config, frame = catalogue(), small(), checkerboard()
    cut = float(np.quantile(frame["ts"].to_numpy(), 0.8))
    sequences = Sequences.from_frame(frame, films)
    if splitting == "time":
        kept = split_by_time(sequences, 0.2).kept
        assert split_by_time(sequences, 0.2).train.times.max() < cut
        planted = pl.DataFrame({"user_id": [1, 2], "item_id": [2, 1], "ts": [cut + 1, cut + 2]})
    else:
        kept = split_leave_one_out(sequences).kept
        assert split_leave_one_out(sequences).train.counts.tolist() == [8] * 80
        planted = pl.DataFrame({"user_id": [1, 2], "item_id": [2, 1], "ts": [2e9, 2e9]})
    later = Sequences.from_frame(pl.concat([frame, planted.with_columns(kind=pl.lit("rating"), value=pl.lit(5.0))]), films)
    honest, leaky = Split(sequences.first(kept), sequences, kept), Split(later.first(kept), later, kept)
    for one, other in zip(*(SequenceData(s, len(films), config, 0).train_dataloader() for s in (honest, leaky)), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.batch, other.batch, strict=True))


def test_a_checkpoint_of_another_architecture_is_refused_with_both_configurations(tmp_path: Path) -> None:
    theirs = small(dim=32, block="hstu")
    torch.save({"fingerprint": "x", "epoch": 3, "config": theirs.model_dump()}, tmp_path / "last.ckpt")
    with pytest.raises(InvalidInput, match=r"dim 32, block hstu.*dim 16, block ligr.*delete the file"):
        train_towers(checkerboard(), catalogue(), small(), tmp_path, seed=0, progress=False)


def test_the_learning_curve_and_its_callback(tmp_path: Path) -> None:
    heard: list[tuple[int, dict[str, float]]] = []
    config = small(epochs=3, validation_share=0.2)
    trained = train_towers(
        checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False, on_epoch=lambda *point: heard.append(point)
    )
    assert [point["epoch"] for point in trained.curve] == [1, 2, 3]
    assert [{"epoch": epoch, **metrics} for epoch, metrics in heard] == trained.curve
    assert all(point.keys() == {"epoch", "loss", "ndcg@10", "hr@10"} for point in trained.curve)
    assert trained.curve[-1]["loss"] < trained.curve[0]["loss"]
    assert trained.seconds > 0


def test_a_finished_run_is_not_trained_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = small(epochs=2)
    first = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False)
    epochs: list[int] = []
    with caplog.at_level(logging.WARNING, "retrieval"):
        again = train_towers(
            checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False, on_epoch=lambda epoch, _: epochs.append(epoch)
        )
    assert "not trained again" in caplog.text
    assert epochs == []
    np.testing.assert_array_equal(again.item_embeddings, first.item_embeddings)
    assert again.metrics == first.metrics
    assert again.curve == first.curve
    assert again.seconds == first.seconds > 0
    other = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=1, progress=False)
    assert not np.allclose(other.item_embeddings, first.item_embeddings)


@pytest.mark.parametrize("column", ["titles", "overviews", "people", "keywords", "tags", "languages"])
def test_other_content_is_trained_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture, column: str) -> None:
    """Two films of one word more have another vocabulary: weights of other shapes."""
    films, config = catalogue(), small(epochs=1)
    word: object = ("heist",) if column in ("people", "keywords", "tags") else "heist"
    enriched = replace(films, **{column: (word, word, *getattr(films, column)[2:])})
    with caplog.at_level(logging.WARNING, "retrieval"):
        first = train_towers(checkerboard(), films, config, tmp_path, seed=0, progress=False)
        again = train_towers(checkerboard(), enriched, config, tmp_path, seed=0, progress=False)
    assert "not trained again" not in caplog.text
    assert not np.allclose(first.item_embeddings, again.item_embeddings)


@pytest.mark.parametrize("file", ["best.ckpt", "last.ckpt"])
@pytest.mark.parametrize("left_over", ["other shapes", "garbage"])
def test_weights_that_other_code_left_are_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str, left_over: str
) -> None:
    """The fingerprint is of this very run, but the file is not of this model."""
    config = small(epochs=1)
    clean = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False)
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    best["state_dict"] = {name: weight[:1] if weight.ndim else weight for name, weight in best["state_dict"].items()}
    if file == "last.ckpt":
        (tmp_path / "done.json").unlink()
    if left_over == "garbage":
        (tmp_path / file).write_bytes(b"PK\x03\x04 half a file")
    else:
        torch.save(best, tmp_path / file)
    with caplog.at_level(logging.WARNING, "retrieval"):
        trained = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False)
    assert "starts clean" in caplog.text
    np.testing.assert_array_equal(trained.item_embeddings, clean.item_embeddings)


def test_profiles_tell_newcomers_apart(tmp_path: Path) -> None:
    profiles = {user: (f"colour:{user % 2}",) for user in range(1, 81)}
    config = small(epochs=20, patience=20)
    trained = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False, profiles=profiles)
    for colour in (0, 1):
        token = profile_buckets((f"colour:{1 - colour}",))  # users of odd id watch even rows
        nothing = np.empty(0)
        newcomer = EncodedHistory(nothing.astype(int), nothing.astype(int), nothing.astype("f4"), nothing.astype("f4"), token)
        scores = trained.item_embeddings @ trained.users([newcomer])[0]
        assert scores[colour::2].mean() > scores[1 - colour :: 2].mean() + 1


def test_a_film_without_interactions_lies_near_its_genre(tmp_path: Path) -> None:
    genres = np.eye(2, dtype=np.float32)[np.arange(N_ITEMS) % 2]
    frame = checkerboard().filter(~pl.col("item_id").is_in([23, 24]))  # rows 22 and 23 were never watched
    config = small(epochs=20, id_dropout=0.3, similarity="cosine", temperature=0.1, patience=20)
    trained = train_towers(frame, catalogue(genres=genres), config, tmp_path, seed=0, progress=False)
    for cold in (22, 23):
        near = trained.item_embeddings[:22] @ trained.item_embeddings[cold]
        assert near[cold % 2 :: 2].mean() > near[1 - cold % 2 :: 2].mean() + 0.3
        scores = scores_after(trained, [cold % 2 + 2 * k for k in (3, 0, 5)])
        assert scores[cold] > scores[1 - cold % 2 :: 2].max()


def test_a_user_with_one_event_is_no_obstacle(tmp_path: Path) -> None:
    lonely = pl.DataFrame({"user_id": [999], "item_id": [1], "ts": [1e9], "kind": ["rating"], "value": [3.0]})
    frame = pl.concat([checkerboard(), lonely])
    trained = train_towers(frame, catalogue(), small(epochs=1), tmp_path, seed=0, progress=False)
    assert np.isfinite(scores_after(trained, [0])).all()


@pytest.mark.parametrize("loss", ["full", "sampled", "mixed", "gbce"])
def test_a_batch_of_nothing_but_first_events_is_no_obstacle(tmp_path: Path, loss: str) -> None:
    """Most users of a sparse set have a single event to learn from; those of a batch may be all of that kind."""
    frame = pl.concat([checkerboard(n_users=6), checkerboard(n_users=200, per_user=1).with_columns(pl.col("user_id") + 1000)])
    trained = train_towers(
        frame, catalogue(), small(epochs=1, loss=loss, negatives=8, batch_events=16), tmp_path, seed=0, progress=False
    )
    assert np.isfinite(trained.item_embeddings).all()


def test_one_user_is_enough(tmp_path: Path) -> None:
    frame = checkerboard(n_users=1)
    trained = train_towers(frame, catalogue(), small(epochs=1, validation_share=0.2), tmp_path, seed=0, progress=False)
    assert np.isfinite(trained.item_embeddings).all()


def test_without_validation_every_epoch_is_trained(tmp_path: Path) -> None:
    config = small(epochs=2, validation_share=0.0)
    trained = train_towers(checkerboard(), catalogue(), config, tmp_path, seed=0, progress=False)
    assert trained.metrics["epochs"] == trained.metrics["best_epoch"] == 2
    assert "ndcg@10" not in trained.metrics


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (checkerboard().head(0), "none of the 0 interactions"),
        (checkerboard().with_columns(item_id=pl.col("item_id") + 500), "none of the 720 interactions"),
        (checkerboard(per_user=1), "no next event to learn from"),
        (checkerboard(n_items=2), "no next event to learn from"),
    ],
    ids=["empty", "unknown items", "one event each", "one item each"],
)
def test_nothing_to_learn_from_is_said(tmp_path: Path, frame: pl.DataFrame, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        train_towers(frame, catalogue(), small(), tmp_path, seed=0, progress=False)


def test_a_catalogue_of_one_film(tmp_path: Path) -> None:
    frame = checkerboard().with_columns(item_id=pl.lit(1, dtype=pl.Int64))
    with pytest.raises(DatasetError, match="no next event to learn from"):
        train_towers(frame, catalogue(1), small(), tmp_path, seed=0, progress=False)


def test_progress_off_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train_towers(checkerboard(), catalogue(), small(epochs=1), tmp_path, seed=0, progress=False)
    assert capfd.readouterr() == ("", "")


def test_progress_shows_loss_and_validation_ndcg(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    config = small(epochs=2, validation_share=0.2)
    train_towers(checkerboard(), catalogue(), config, tmp_path, seed=0, progress=True)
    shown = "".join(capfd.readouterr())
    assert "loss_step=" in shown
    assert "events/s=" in shown
    assert "ndcg@10=" in shown
