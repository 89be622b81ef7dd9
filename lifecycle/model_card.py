"""The model card: what a release is for, what it learned from, how good it is and what it must not be used for.

The sections follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), as far as they apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from core.bundle import Manifest
from core.events import EARLIEST_SECONDS

PURPOSE = (
    "Recommends items of one catalogue to its users: a two-tower model retrieves candidates, and a learned ranker may order "
    "them. It is meant for ranking what to show, with a person free to choose; it says nothing about a person."
)
LIMITS = (
    "It learned from people who chose to rate or watch: what they never saw, it cannot judge, and popular items are "
    "over-represented.",
    "Accuracy was measured on logged choices, not on the effect of showing the list; only an experiment measures that.",
    "A user without events gets what is popular; an item without events is placed by its content alone, where the model "
    "uses content.",
    "Tastes and catalogues change: the watchdog compares users with those of this release's data, and its latest lists with its "
    "first ones (`marquee_watch_checks_total`, `marquee_reward_ratio`); rebuild when it says so.",
)


def render(manifest: Manifest, data: str, licence: str, protocol: str) -> str:
    """The card as Markdown. `data` and `licence` describe what was learned from, `protocol` how metrics were measured.

    Reads everything of the manifest but `files`, because the card is one of those files.
    """
    timed = manifest.trained_until >= EARLIEST_SECONDS
    until = _moment(manifest.trained_until) if timed else f"position {manifest.trained_until:.0f} (the data has no times)"
    versions = ", ".join(f"{table} version {version}" for table, version in sorted(manifest.data_version.items()))
    sections = (
        f"# Release {manifest.release}",
        f"Built {manifest.created} from code {manifest.code_version}, feature schema `{manifest.feature_schema}`.",
        "## Purpose",
        PURPOSE,
        "## Data",
        f"{data} {manifest.n_items:,} items; no event at or after {until} was learned from. Lake tables: {versions or 'none'}.",
        f"Licence: {licence}",
        "## Metrics",
        protocol,
        *_of_twin(manifest),
        _table("metric", {name: f"{value:.4f}" for name, value in manifest.metrics.items()}),
        "## Limits",
        "\n".join(f"- {limit}" for limit in LIMITS),
        "## Training configuration",
        _table("setting", manifest.config | {"dim": manifest.dim}),
    )
    return "\n\n".join(sections) + "\n"


def _of_twin(manifest: Manifest) -> list[str]:
    """Whose figures these are, if not those of what is served."""
    if not manifest.config.get("refit"):
        return []
    since = "of the latest part" if manifest.judged_from is None else f"at or after {_moment(manifest.judged_from)}"
    return [
        f"The figures are those of a twin that saw no event {since}. With everything that was chosen by it, the release was "
        "then trained again on all events; only its ranker is the twin's."
    ]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _table(head: str, rows: Mapping[str, object]) -> str:
    lines = [f"| {head} | value |", "|---|---|"]
    lines += [f"| {_cell(name)} | {_cell(value)} |" for name, value in sorted(rows.items())]
    return "\n".join(lines)


def _cell(value: object) -> str:
    """A bar would end the cell, a line break the table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
