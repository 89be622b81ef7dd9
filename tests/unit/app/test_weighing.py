"""What events count, from the lake and the settings."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from app import wiring
from app.usecases.weighing import for_ranking, signal_weights
from core import columns as c
from core.errors import InvalidInput
from core.settings import Settings
from lake import tables
from lake.ports import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two answers to lists, and a third event that is none."""
    lake = wiring.lake(Settings(home=tmp_path))
    rows = {
        c.EVENT_ID: ["e1", "e2", "e3"], c.USER: [1, 1, 2], c.ITEM: [7, 8, 9], c.KIND: ["rating", "watch", "rating"],
        c.VALUE: [5.0, 9.0, 4.0], c.TS: [5000.0, 6000.0, 1.0], c.REQUEST_ID: ["a", "b", None], c.OFFSET: [1, 2, -1],
    }  # fmt: skip
    lake.replace(tables.INTERACTIONS, tables.conform(tables.INTERACTIONS, pl.DataFrame(rows)))
    return lake


def impressions(*rows: tuple[str, int, float, float]) -> pl.DataFrame:
    found = pl.DataFrame(rows, schema=[c.REQUEST_ID, c.ITEM, c.PROPENSITY, c.TS], orient="row")
    same = {c.USER: 1, c.POSITION: 1, c.SCORE: 0.5, c.POLICY: "p", c.ARM: "a", c.MODEL_VERSION: "1", c.OFFSET: 5}
    return tables.conform(tables.IMPRESSIONS, found.with_columns(pl.lit(value).alias(name) for name, value in same.items()))


def weights(home: Path, lake: Lake) -> list[float]:
    found = for_ranking(Settings(home=home), lake, lake.read(tables.INTERACTIONS))
    return [round(one, 6) for one in found.sort(c.EVENT_ID)[c.WEIGHT].to_list()]


def test_answers_are_weighed_by_what_the_lake_holds_of_their_lists(tmp_path: Path, lake: Lake) -> None:
    assert weights(tmp_path, lake) == [1.0, 0.5, 1.0], "nothing was shown"
    lake.append(tables.IMPRESSIONS, impressions(("a", 7, 0.5, 4990.0), ("a", 8, 0.001, 4990.0), ("b", 8, 0.25, 5990.0)))
    mean = (2 + 4) / 2
    assert weights(tmp_path, lake) == pytest.approx([2 / mean, 0.5 * 4 / mean, 1.0], abs=1e-6)


def test_the_settings_name_the_weights_of_kinds(tmp_path: Path) -> None:
    assert signal_weights(Settings(home=tmp_path)).of("watch") == 0.5
    with pytest.raises(InvalidInput, match="no_such"):
        signal_weights(Settings(home=tmp_path, signals="no_such"))
