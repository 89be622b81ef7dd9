"""Local copies of release bundles, and the version that each alias had when the registry last answered."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from core.bundle import MANIFEST, Manifest, digests
from core.errors import BundleCorrupt, StorageFull

ALIASES = "aliases.json"
_log = logging.getLogger(__name__)


class BundleCache:
    """Bundles in folders under `root`; `aliases.json` maps names (aliases and versions) to those folders."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, key: str, download: Callable[[Path], Path]) -> Path:
        """The folder `key`, downloaded unless it is there and complete. It appears atomically or not at all.

        `download` puts the bundle somewhere under an empty folder and returns where. Raises what it raises, and StorageFull.
        """
        folder = self._root / key
        if folder.is_dir() and is_whole(folder):
            return folder
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._root, prefix=".incoming-", ignore_cleanup_errors=True) as scratch:
                incoming = download(Path(scratch))
                if folder.is_dir():
                    _log.warning("the cached release %s is damaged; it was fetched again", folder)
                    folder.rename(Path(scratch) / ".damaged")
                incoming.rename(folder)
        except OSError as error:
            raise StorageFull("release cache", str(error), f"check the free space and the permissions of {self._root}") from error
        return folder

    def remember(self, names: dict[str, str]) -> None:
        """Store what each name means now: name -> key."""
        known = self._known()
        if known | names == known:
            return
        scratch = self._root / f"{ALIASES}.new"
        try:
            scratch.write_text(json.dumps(known | names, indent=2, sort_keys=True))
            scratch.replace(self._root / ALIASES)
        except OSError as error:
            raise StorageFull("release cache", str(error), f"check the free space and the permissions of {self._root}") from error

    def recall(self, name: str) -> Path | None:
        """The folder that a name meant when the registry last answered, if it is still here."""
        key = self._known().get(name)
        return self._root / key if key is not None and (self._root / key).is_dir() else None

    def _known(self) -> dict[str, str]:
        path = self._root / ALIASES
        try:
            return dict(json.loads(path.read_text())) if path.is_file() else {}
        except (OSError, ValueError):
            return {}  # a damaged file is treated as missing: it is written again at the next fetch


def is_whole(folder: Path) -> bool:
    """Whether every file of the bundle matches the manifest's digest."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        return digests(folder, manifest.files) == manifest.files
    except (OSError, ValidationError, BundleCorrupt):
        return False
