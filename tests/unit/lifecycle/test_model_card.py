"""The model card says what a reader needs, in Markdown that stays a table."""

from __future__ import annotations

from core.bundle import Manifest
from lifecycle.model_card import LIMITS, render

MANIFEST = Manifest(
    release="20261120-1a2b", created="2026-11-20T22:15:30Z", code_version="abc", data_version={"items": 1, "interactions": 7},
    trained_until=1_500_000_000.0, feature_schema="0123456789ab", dim=64, n_items=9742, metrics={"ndcg@10": 0.12345},
    config={"optimizer": "adam|w", "note": "two\nlines"}, files={},
)  # fmt: skip


def test_the_card_has_its_sections_and_figures() -> None:
    card = render(MANIFEST, "MovieLens, 100,836 ratings.", "research use, see NOTICE", "Next event after the cut.")
    for heading in ("# Release 20261120-1a2b", "## Purpose", "## Data", "## Metrics", "## Limits", "## Training configuration"):
        assert heading in card.splitlines()
    for text in (
        "| ndcg@10 | 0.1235 |", "9,742 items", "2017-07-14 02:40 UTC", "interactions version 7, items version 1",
        "Licence: research use, see NOTICE", "Next event after the cut.", "| dim | 64 |", *LIMITS,
    ):  # fmt: skip
        assert text in card


def test_a_value_cannot_break_a_table() -> None:
    rows = [line for line in render(MANIFEST, "", "", "").splitlines() if line.startswith("| ")]
    assert "| optimizer | adam\\|w |" in rows
    assert "| note | two lines |" in rows


def test_the_card_does_not_depend_on_the_digests_that_include_it() -> None:
    later = MANIFEST.model_copy(update={"files": {"model_card.md": "digest"}})
    assert render(later, "d", "l", "p") == render(MANIFEST, "d", "l", "p")
