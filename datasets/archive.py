"""A zip whose members are found by file name, in any of its folders."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DatasetError


class Archive:
    """The members of an open zip. `read` verifies the checksum that the zip stores for each."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self.members = {Path(name).name: name for name in archive.namelist() if not name.endswith("/")}

    def read(self, name: str) -> bytes:
        """The bytes of a member. Raises DatasetError if it is damaged."""
        try:
            return self._archive.read(self.members[name])
        except zipfile.BadZipFile as error:
            raise DatasetError(f"{self.path.name}: {name} is damaged (its checksum is wrong); fetch the file again") from error

    def lines(self, name: str) -> list[str]:
        """The lines of a text member: UTF-8, or Latin-1 in the older MovieLens sets."""
        raw = self.read(name)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        return [line.removesuffix("\r") for line in text.split("\n") if line]


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Raises DatasetError for a file that is not a zip or is truncated."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(path, archive)
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise DatasetError(f"{path} is not a readable zip ({error}); it may be truncated: fetch the file again") from error
