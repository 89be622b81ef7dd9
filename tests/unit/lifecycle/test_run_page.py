"""What a person reads of a release in MLflow: charts, pages and the description, also where little was measured."""

from pathlib import Path

import pytest
from synthetic import make_manifest

from core.bundle import Comparison
from lifecycle.charts import draw, gains
from lifecycle.figures import Figures, ModelFigures
from lifecycle.gates import GateCheck, GateResult
from lifecycle.run_page import gate_page, metrics_of, models_page, note, verdict_line

MANIFEST = make_manifest("r<2>", 40).model_copy(
    update={
        "metrics": {"ndcg@10": 0.1, "lift": 0.04, "lift_low": 0.01, "lift_high": 0.07, "coverage@10": 0.2},
        "compared": Comparison(
            production="r1",
            start=0,
            end=1,
            queries=9,
            users=5,
            ndcg=0.2,
            production_ndcg=0.25,
            low=-0.08,
            high=-0.01,
            milliseconds=1,
            production_milliseconds=1,
        ),
    }
)
REFUSED = GateResult((GateCheck("it is <fast>", True, "3 ms"), GateCheck("it beats popularity", False, "0.1 against 0.2")))


def of(name: str, ndcg: float, low: float = 0.0, high: float = 0.0) -> ModelFigures:
    return ModelFigures(
        name=name, ndcg=ndcg, ndcg_low=low, ndcg_high=high, hr=0.2, hr_low=0, hr_high=0, coverage=0.1, training_seconds=3,
        milliseconds=2, megabytes=1, queries=77,
    )  # fmt: skip


FIGURES = Figures(
    judged="",
    popularity={"as served": [0.0] * 9 + [1.0], "taken up": [0.1] * 10},
    models=[of("as served", 0.1), of("EASE", 0.08, -0.05, 0.01)],
)


def test_gains_are_of_the_release_over_each_alternative() -> None:
    found = gains(MANIFEST, FIGURES)
    assert found["popularity"] == (0.04, 0.01, 0.07)
    assert found["EASE alone"] == pytest.approx((0.02, -0.01, 0.05))  # the table has the kind minus what is served
    assert found["production"] == pytest.approx((-0.05, -0.08, -0.01))


def test_charts_are_drawn_for_what_was_measured(tmp_path: Path) -> None:
    assert [path.name for path in draw(tmp_path, MANIFEST, FIGURES)] == ["intervals.png", "popularity_bias.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    old = MANIFEST.model_copy(update={"compared": None})
    assert [path.name for path in draw(tmp_path, old, None)] == ["intervals.png"]
    assert draw(tmp_path, make_manifest("old", 40), None) == []


def test_the_gates_report_has_every_check_and_no_markup_of_others() -> None:
    page = gate_page(MANIFEST, REFUSED, make_manifest("r1", 40), 1.8e9)
    assert "Release r&lt;2&gt; stays out of production" in page
    assert "<td>it is &lt;fast&gt;</td><td>yes</td><td>3 ms</td>" in page
    assert '<td>it beats popularity</td><td class="no">NO</td><td>0.1 against 0.2</td>' in page
    assert "Production was release r1" in page
    assert "There was no production release" in gate_page(MANIFEST, REFUSED, None, 1.8e9)
    assert "it beats popularity: 0.1 against 0.2" in verdict_line(REFUSED, None, 1.8e9)


def test_the_description_and_the_page_have_the_kinds_of_model() -> None:
    said = note(MANIFEST, FIGURES)
    assert "has not been judged" in said
    assert "| EASE | 0.0800 | -0.0500 to +0.0100 |" in said
    assert "<td>EASE</td><td>0.0800</td><td>-0.0500 to +0.0100</td>" in models_page(MANIFEST, FIGURES)
    assert "EASE" not in note(MANIFEST, None)
    assert metrics_of(FIGURES)["models/EASE/ndcg@10"] == 0.08
    assert metrics_of(FIGURES)["models/as served/training_seconds"] == 3
