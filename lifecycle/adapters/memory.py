"""The embedded registry: a folder with every version, and one file that maps aliases to versions."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.bundle import MANIFEST
from core.errors import BundleCorrupt, NotFound, StorageFull
from core.ports import Curves, RegisteredVersion
from lifecycle.adapters import stages
from lifecycle.adapters.aliases import check_alias

ALIASES, TAGS = "aliases.json", "tags.json"


class FolderRegistry:
    """Versions 1, 2, 3, ... as folders under `root`. One writer at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def register(self, bundle: Path) -> str:
        """Copy the bundle in; a half-copied one never gets a number. Raises BundleCorrupt or StorageFull."""
        if not (bundle / MANIFEST).is_file():
            raise BundleCorrupt(f"{bundle} has no {MANIFEST}, so it is not a release bundle")
        version = str(1 + max(self._versions(), default=0))
        incoming = self._root / f".incoming-{uuid.uuid4().hex}"
        try:
            shutil.copytree(bundle, incoming)
            incoming.rename(self._root / version)
        except OSError as error:
            shutil.rmtree(incoming, ignore_errors=True)
            raise StorageFull("registry", str(error), f"check the free space and the permissions of {self._root}") from error
        return version

    def point(self, alias: str, version: str) -> None:
        """Make the alias mean this version. Raises NotFound for an unknown version, InvalidInput for a bad name."""
        check_alias(alias)
        self._folder(version)
        self._replace(ALIASES, self._aliases() | {alias: version})
        self.mirror_stages()

    def remove(self, alias: str) -> None:
        """See `ModelRegistry`. Raises InvalidInput for a bad name."""
        check_alias(alias)
        known = self._aliases()
        if known.pop(alias, None) is not None:
            self._replace(ALIASES, known)
            self.mirror_stages()

    def version(self, alias_or_version: str) -> str:
        """The version that an alias means. Raises NotFound."""
        if alias_or_version.isdigit():
            self._folder(alias_or_version)
            return alias_or_version
        try:
            return self._aliases()[alias_or_version]
        except KeyError:
            raise NotFound(f"there is no release {alias_or_version!r}; build one with `marquee release build`") from None

    def aliases(self) -> Mapping[str, str]:
        """See `ModelRegistry`."""
        return self._aliases()

    def fetch(self, alias_or_version: str) -> Path:
        """The folder of that bundle. Raises NotFound."""
        return self._folder(self.version(alias_or_version))

    def recall(self, alias_or_version: str) -> Path | None:  # noqa: ARG002 - the port's signature
        """None: the folders are the registry, and there is no copy beside them."""
        return None

    def versions(self) -> list[RegisteredVersion]:
        """See `ModelRegistry`."""
        aliases, tags = self._aliases(), self._tags()
        return [
            RegisteredVersion(
                str(number),
                (self._root / str(number)).stat().st_ctime,
                tuple(sorted(alias for alias, version in aliases.items() if version == str(number))),
                {stages.NAME: stages.NONE, **tags.get(str(number), {})},
            )
            for number in sorted(self._versions())
        ]

    def tag(self, version: str, name: str, value: str) -> None:
        """See `ModelRegistry`. Raises StorageFull."""
        self._folder(version)
        tags = self._tags()
        self._replace(TAGS, tags | {version: tags.get(version, {}) | {name: value}})

    def tags(self, version: str) -> Mapping[str, str]:
        """See `ModelRegistry`."""
        self._folder(version)
        return {stages.NAME: stages.NONE, **self._tags().get(version, {})}

    def mirror_stages(self) -> None:
        """See `ModelRegistry`."""
        for one in self.versions():
            stage = stages.stage_of(one.aliases, one.tags[stages.NAME])
            if stage != one.tags[stages.NAME]:
                self.tag(one.version, stages.NAME, stage)

    def _tags(self) -> dict[str, dict[str, str]]:
        path = self._root / TAGS
        return dict(json.loads(path.read_text())) if path.is_file() else {}

    def _replace(self, name: str, content: Mapping[str, object]) -> None:
        scratch = self._root / f"{name}.new"
        try:
            scratch.write_text(json.dumps(content, indent=2))
            scratch.replace(self._root / name)
        except OSError as error:
            raise StorageFull("registry", str(error), f"check the free space and the permissions of {self._root}") from error

    def _versions(self) -> list[int]:
        return [int(path.name) for path in self._root.glob("*") if path.name.isdigit()]

    def _folder(self, version: str) -> Path:
        folder = self._root / version
        if not (version.isdigit() and folder.is_dir()):
            raise NotFound(f"there is no release version {version!r}; the versions are {sorted(self._versions())}")
        return folder

    def _aliases(self) -> dict[str, str]:
        path = self._root / ALIASES
        return dict(json.loads(path.read_text())) if path.is_file() else {}


@dataclass(frozen=True)
class LoggedRun:
    """What one call of `MemoryTracker.log` recorded."""

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    artifacts: tuple[Path, ...]
    curves: Curves = field(default_factory=dict)
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class MemoryTracker:
    """Keeps runs in `runs`, by id, for as long as the process lives. Of an artifact it keeps where it was."""

    def __init__(self) -> None:
        self.runs: dict[str, LoggedRun] = {}

    def log(
        self,
        run: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        artifacts: Sequence[Path],
        curves: Curves | None = None,
        note: str = "",
    ) -> str:
        """See `Tracker`."""
        run_id = f"run-{len(self.runs) + 1}"
        self.runs[run_id] = LoggedRun(run, dict(params), dict(metrics), tuple(artifacts), dict(curves or {}), note)
        return run_id

    def attach(self, run: str, artifacts: Sequence[Path], tags: Mapping[str, str], note: str = "") -> None:
        """See `Tracker`."""
        run_id = next((known for known in reversed(self.runs) if self.runs[known].name == run), None)
        if run_id is None:
            raise NotFound(f"there is no run {run!r}")
        before = self.runs[run_id]
        self.runs[run_id] = replace(
            before, artifacts=(*before.artifacts, *artifacts), tags={**before.tags, **tags}, note=note or before.note
        )
