"""What `marquee release` prints: versions, one release with everything that is known of it, two of them, and the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from core.ports import RegisteredVersion

if TYPE_CHECKING:
    from lifecycle.ledger_entries import LedgerEntry
    from lifecycle.release_facts import Difference, Facts

_MIB = 2**20


def versions_table(versions: Iterable[RegisteredVersion]) -> Table:
    """A row a version; `?` for what a version of an earlier Marquee does not say."""
    from lifecycle.release_facts import moment

    columns = ("version", "aliases", "stage", "release", "registered (UTC)", "NDCG@10", "popularity", "code", "MiB", "data")
    table = Table(*columns)
    for one in versions:
        data = ", ".join(f"{name[5:]} {value}" for name, value in sorted(one.tags.items()) if name.startswith("data."))
        said = (one.tags.get(name, "?") for name in ("ndcg_at_10", "popularity_ndcg_at_10", "code_version"))
        size = f"{int(one.tags['bytes']) / _MIB:,.1f}" if one.tags.get("bytes", "").isdigit() else "?"
        told = (", ".join(one.aliases), one.tags["stage"], one.tags.get("release", "?"), moment(one.created), *said, size, data)
        table.add_row(one.version, *map(escape, told))
    return table


def registry_table(one: RegisteredVersion) -> Table:
    """What the registry says of a version."""
    from lifecycle.release_facts import moment

    said = {"aliases": ", ".join(one.aliases) or "none", "registered (UTC)": moment(one.created), **one.tags}
    return _pairs(f"version {one.version}", {name: value for name, value in said.items() if value})


def facts_tables(facts: Facts) -> list[Table]:
    """A table a group that is not empty."""
    titles = {"compared": "compared with production, by the gate"}
    return [_pairs(titles.get(group, group), values) for group, values in facts.items() if values]


def differences_table(first: str, second: str, found: Sequence[Difference]) -> Table:
    table = Table("", "", escape(first), escape(second), "change")
    for one in found:
        change = "" if one.change is None else f"{one.change:+,.6g}"
        table.add_row(*map(escape, (one.group, one.name, _text(one.first), _text(one.second), change)))
    return table


def ledger_table(entries: Iterable[LedgerEntry], version: str | None = None) -> Table:
    """The entries of the promotion ledger, or those that name this version."""
    from lifecycle.release_facts import moment

    columns = ("entry", "when (UTC)", "who", "what", "alias", "version", "release", "before", "why")
    table = Table(*columns, title="promotion ledger", title_justify="left")
    for entry in entries:
        note = entry.note
        if version in (None, note.version, note.from_version):
            what = " ".join((note.action.value, note.experiment)).strip()
            told = (note.actor, what, note.alias, note.version, note.release, note.from_version, note.why)
            table.add_row(str(entry.number), moment(note.at), *map(escape, told))
    return table


def _pairs(title: str, values: Mapping[str, object]) -> Table:
    table = Table(title=escape(title), title_justify="left", show_header=False)
    for name, value in values.items():
        table.add_row(escape(name), escape(_text(value)))
    return table


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
