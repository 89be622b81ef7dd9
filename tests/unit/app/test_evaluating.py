"""`marquee evaluate` from a data set to the report: every part real, the data small."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from app.usecases.evaluating import Comparison, evaluate, publish
from core.errors import DependencyUnavailable, InvalidInput
from datasets.dataset import Dataset, validate
from lifecycle.adapters.memory import MemoryTracker
from retrieval.config import TrainConfig
from retrieval.preset import Preset

TOWERS = TrainConfig(dim=8, blocks=1, heads=1, history_length=8, epochs=2, batch_events=256)
N = 16


def dataset(has_time: bool = True) -> Dataset:
    rng = np.random.default_rng(0)
    rows = [
        (u, int(2 * k + u % 2) + 1, 1e9 + 1000 * t + u) for u in range(1, 41) for t, k in enumerate(rng.permutation(N // 2)[:6])
    ]
    events = pl.DataFrame(rows, schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Float64}, orient="row")
    events = events.with_columns(kind=pl.lit("rating"), value=pl.lit(4.0))
    films = {"item_id": range(1, N + 1), "title": ["x"] * N, "genres": [["odd"], ["even"]] * (N // 2), "year": [2000] * N}
    checked = validate("small", events, pl.DataFrame(films).with_columns(pl.col("year").cast(pl.Int32)))
    return Dataset(checked.name, checked.interactions, checked.items, checked.quarantined, checked.report, has_time=has_time)


def comparison(**values: object) -> Comparison:
    defaults = {"protocol": "loo", "models": ("popularity", "markov", "two_tower"), "folds": 2, "seeds": (1, 2), "towers": TOWERS}
    defaults["preset"] = Preset.of(TOWERS)
    return Comparison(**(defaults | values))  # type: ignore[arg-type]


def test_a_report_from_start_to_end(tmp_path: Path) -> None:
    said: list[str] = []
    wanted, tracker = comparison(), MemoryTracker()
    found = evaluate(dataset(), wanted, tmp_path / "work", progress=False, echo=said.append)
    publish(found, dataset(), wanted, "marquee evaluate", tmp_path / "out", tracker, said.append)
    body = json.loads((tmp_path / "out" / "report.json").read_text())
    assert body["models"].keys() == {"popularity", "markov", "two_tower-1", "two_tower-2"}
    assert len(body["curves"]["two_tower-1, fold 1"]) == 2
    for metrics in body["models"].values():
        assert metrics["ndcg@10_low"] <= metrics["ndcg@10"] <= metrics["ndcg@10_high"]
        assert 0 < metrics["hr@10"] <= metrics["hr@200"] == 1
        assert metrics["map@10"] <= metrics["mrr"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"report.json", "report.md", "accuracy.png", "popularity_bias.png", "learning_curve.png"}
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| markov |" in text
    assert "- ndcg: Gain of the target, discounted by its rank. Jaervelin and Kekaelaeinen, TOIS 2002." in text
    assert any("40 queries" in line for line in said)
    again = evaluate(dataset(), wanted, tmp_path / "work", progress=False, echo=said.append)
    assert [one.metrics for one in again.outcomes] == [one.metrics for one in found.outcomes], "a finished run is not repeated"


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_what_is_printed_fits_the_terminal_and_names_what_does_not(tmp_path: Path, width: int) -> None:
    found = evaluate(
        dataset(), comparison(models=("popularity", "markov")), tmp_path / "work", progress=False, echo=lambda _: None
    )
    said: list[str] = []
    publish(found, dataset(), comparison(), "x", tmp_path / "out", MemoryTracker(), said.append, width)
    lines = said[0].splitlines()
    assert max(len(line) for line in lines if not line.startswith("in the report")) <= width
    assert lines[0].split()[:2] == ["model", "ndcg@10"]
    assert {line.split()[0] for line in lines[1:3]} == {"popularity", "markov"}
    assert ("in the report as well: " in lines[-1]) == (width < 300)
    everything = " ".join((lines[0], lines[-1]))
    assert all(name in everything for name in ("hr@10", "best minus this, 95 %", "miscalibration@10"))


@pytest.mark.parametrize("protocol", ["last", "successive", "strong"])
def test_every_protocol_runs(tmp_path: Path, protocol: str) -> None:
    found = evaluate(
        dataset(), comparison(protocol=protocol, models=("popularity",)), tmp_path, progress=False, echo=lambda _: None
    )
    assert found.outcomes[0].metrics["hr@200"] > 0


def test_an_unavailable_tracker_costs_a_warning(tmp_path: Path) -> None:
    class Gone:
        def log(self, *_: object) -> str:
            raise DependencyUnavailable("mlflow", "connection refused", "start it")

    said: list[str] = []
    wanted = comparison(models=("popularity",))
    found = evaluate(dataset(), wanted, tmp_path, progress=False, echo=said.append)
    publish(found, dataset(), wanted, "marquee evaluate", tmp_path / "out", Gone(), said.append)
    assert any("not logged to MLflow" in line for line in said)
    assert (tmp_path / "out" / "report.md").exists()


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"protocol": "random"}, "loo, last"),
        ({"models": ("bert",)}, "popularity"),
        ({"models": ()}, "popularity"),
        ({"seeds": ()}, "1,2,3"),
    ],
)
def test_wrong_input_is_named_with_what_is_allowed(wrong: dict[str, object], allowed: str) -> None:
    with pytest.raises(InvalidInput, match=allowed):
        comparison(**wrong)


def test_times_are_needed_for_rolling_cuts(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no times"):
        evaluate(dataset(has_time=False), comparison(protocol="last"), tmp_path, progress=False, echo=lambda _: None)
