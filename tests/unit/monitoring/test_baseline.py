"""What a built release gives the watchdog to compare with."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import tiny_release

from core import bundle
from core import columns as c
from core.errors import BundleCorrupt
from monitoring.baseline import Baseline
from monitoring.reward import ServedLists
from monitoring.significance import changes, chosen
from recommender.release import Release

NO_LISTS = ServedLists(pl.DataFrame(), pl.DataFrame(), "no lists")
EVENTS = tiny_release.interactions()


@pytest.fixture
def baseline(release: Release) -> Baseline:
    return Baseline.load(release.folder)


def test_events_and_their_users_are_compared(baseline: Baseline) -> None:
    reference, window = baseline.compared(EVENTS, NO_LISTS)
    assert {"value", "popularity", "age", "genre:Drama", "user vector 1", "user vector 3"} <= set(reference)
    assert set(reference) == set(window)
    assert not any(name.startswith("kind:") for name in reference), "each event is a rating, which leaves nothing to compare"
    found = changes(chosen(reference), chosen(window))
    assert not any(change.changed for change in found.found.values()), found
    assert found.untold == {}


def test_people_who_turn_to_one_item_lie_elsewhere(baseline: Baseline) -> None:
    turned = EVENTS.with_columns(pl.lit(10).cast(pl.Int64).alias(c.ITEM))
    found = changes(*(chosen(sample) for sample in baseline.compared(turned, NO_LISTS)))
    assert any(found.found[f"user vector {at}"].changed for at in (1, 2, 3)), found


def test_kinds_that_the_reference_has_not_are_counted(baseline: Baseline) -> None:
    searched = EVENTS.with_columns(pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("search")).otherwise(c.KIND).alias(c.KIND))
    assert baseline.new_kinds(searched) == {"search": 7}
    assert baseline.new_kinds(EVENTS) == {}


def test_a_release_of_before_user_vectors_is_compared_without_them(release: Release, tmp_path: Path) -> None:
    folder = tiny_release.copied(release.folder, tmp_path / "old", "old")
    (folder / bundle.USER_REFERENCE).unlink()
    reference, window = Baseline.load(folder).compared(EVENTS, NO_LISTS)
    assert not any(name.startswith("user vector") for name in {*reference, *window})


def test_damaged_user_vectors_are_a_corrupt_bundle(release: Release, tmp_path: Path) -> None:
    folder = tiny_release.copied(release.folder, tmp_path / "damaged", "damaged")
    (folder / bundle.USER_REFERENCE).write_bytes(b"PK not a zip")
    with pytest.raises(BundleCorrupt, match="damaged"):
        Baseline.load(folder)
