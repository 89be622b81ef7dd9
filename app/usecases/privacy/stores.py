"""Where something of a user may be kept, each place once, with how it is found and erased there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from app.usecases.privacy.subject import Subject
from core import columns as c
from core.features import UserFeatures
from core.ids import original
from lake.ports import Lake
from lake.published_file import replace_file
from lake.tables import OF_USERS, read_or_empty


class Store(Protocol):
    """One place. Both raise DependencyUnavailable where it does not answer."""

    @property
    def name(self) -> str: ...

    @property
    def stays(self) -> str:
        """Why what is there cannot be taken out; empty where it can."""

    def count(self, user: Subject) -> int:
        """How many records of the user there are."""

    def erase(self, user: Subject) -> int:
        """Take them out, and say how many there were."""


class Features(Protocol):
    """What erasing needs of the feature store."""

    def read(self, user_id: int) -> UserFeatures | None: ...

    def holds(self, user_id: int) -> bool: ...

    def erase(self, user_id: int) -> None: ...


@dataclass(frozen=True)
class OnlineFeatures:
    """The online store, and the batch sources that it is filled from."""

    features: Features
    name: str = "features"
    stays: str = ""

    def count(self, user: Subject) -> int:
        found = self.features.read(user.key)
        return int(self.features.holds(user.key) if found is None else found.external_id == original(user.id))

    def erase(self, user: Subject) -> int:
        found = self.count(user)
        self.features.erase(user.key)
        return found


@dataclass(frozen=True)
class LakeTables:
    """Every table with rows of users, in all of its versions."""

    lake: Lake
    name: str = "lake"
    stays: str = ""

    def count(self, user: Subject) -> int:
        return sum(int((read_or_empty(self.lake, table)[column] == user.key).sum()) for table, column in OF_USERS.items())

    def erase(self, user: Subject) -> int:
        return self.lake.forget_user(user.key)


@dataclass(frozen=True)
class ParquetRows:
    """A file of rows with users' keys."""

    path: Path
    name: str
    stays: str = ""

    def count(self, user: Subject) -> int:
        return int((pl.read_parquet(self.path, columns=[c.USER])[c.USER] == user.key).sum()) if self.path.is_file() else 0

    def erase(self, user: Subject) -> int:
        found = self.count(user)
        if found:
            replace_file(self.path, pl.read_parquet(self.path).filter(pl.col(c.USER) != user.key), self.name)
        return found


@dataclass(frozen=True)
class TextLines:
    """Files whose lines are about one row or event each: quarantined rows of imports."""

    folder: Path
    name: str
    stays: str = ""

    def count(self, user: Subject) -> int:
        return sum(user.is_in(line) for path in self._paths() for line in _lines(path))

    def erase(self, user: Subject) -> int:
        found = 0
        for path in self._paths():
            lines = _lines(path)
            kept = [line for line in lines if not user.is_in(line)]
            if len(kept) < len(lines):
                _rewrite(path, "".join(kept))
                found += len(lines) - len(kept)
        return found

    def _paths(self) -> Sequence[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file()) if self.folder.is_dir() else []


@dataclass(frozen=True)
class KeptByOthers:
    """A place out of which nothing can be taken before its time."""

    name: str
    stays: str

    def count(self, user: Subject) -> int:  # noqa: ARG002 - the port's signature
        return 0

    def erase(self, user: Subject) -> int:  # noqa: ARG002
        return 0


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)


def _rewrite(path: Path, text: str) -> None:
    """The file whole, or as it was."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
