"""What a release is, as named groups of facts: what people read of one release, and compare of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.bundle import MANIFEST, Manifest

Facts = Mapping[str, Mapping[str, object]]  # group -> name -> value; None for what the release does not say
_DIGITS = 8  # of a file's SHA-256


@dataclass(frozen=True)
class Difference:
    """A fact that two releases do not share. `change` is the second value minus the first, None unless both are numbers."""

    group: str
    name: str
    first: object
    second: object

    @property
    def change(self) -> float | None:
        first, second = _number(self.first), _number(self.second)
        return None if first is None or second is None else second - first


def facts_of(manifest: Manifest, folder: Path) -> Facts:
    """What the manifest says, and the sizes of the files in the bundle's folder; it reads none of them."""
    compared = manifest.compared
    return {
        "code": {"code version": manifest.code_version, "feature schema": manifest.feature_schema, "dimensions": manifest.dim},
        "data": {
            "events": manifest.n_events,
            "items": manifest.n_items,
            "trained until (UTC)": moment(manifest.trained_until),
            "judged from (UTC)": None if manifest.judged_from is None else moment(manifest.judged_from),
            **{f"version of {table}": version for table, version in manifest.data_version.items()},
        },
        "configuration": manifest.config,
        "metrics": manifest.metrics,
        "compared": {**compared.model_dump(), "start": moment(compared.start), "end": moment(compared.end)} if compared else {},
        "files": {name: _file(folder / name, digest) for name, digest in sorted(manifest.files.items())},
    }


def differences(first: Facts, second: Facts) -> list[Difference]:
    """What two releases do not share, group by group. Their comparisons with production are left out: no two are alike."""
    return [
        Difference(group, name, first[group].get(name), second[group].get(name))
        for group in first
        if group != "compared"
        for name in dict.fromkeys((*first[group], *second[group]))
        if first[group].get(name) != second[group].get(name)
    ]


def bytes_of(folder: Path, manifest: Manifest) -> int:
    """What a bundle's files take on disk; a missing one counts nothing."""
    return sum(path.stat().st_size for name in (MANIFEST, *manifest.files) if (path := folder / name).is_file())


def moment(seconds: float) -> str:
    """A time (Unix seconds) for people, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _file(path: Path, digest: str) -> str:
    """Two files of the same size may differ, so the beginning of the digest is there as well."""
    size = f"{path.stat().st_size:,} bytes" if path.is_file() else "missing"
    return f"{size} ({digest[:_DIGITS]})"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
