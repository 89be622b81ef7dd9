"""The registered versions, as MLflow's server or its database tells of them.

A database is asked itself. MLflow would do the same, but takes 60 MiB and more than a second of each process only to be imported,
and 3 ms of the interpreter for a question that every process has every other second: what does `production` mean now? A test
compares the two, so that another version of MLflow with other tables is noticed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import NotFound
from core.ports import RegisteredVersion
from lifecycle.adapters.mlflow_sdk import MlflowConnection, translated

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from sqlalchemy import Engine

_ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = :model"
# MLflow keeps the row of a version that was deleted
_VERSIONS = """SELECT version, creation_time, run_id, source FROM model_versions
               WHERE name = :model AND current_stage != 'Deleted_Internal' AND (version = :version OR :version = 0)"""
_TAGS = "SELECT version, key, value FROM model_version_tags WHERE name = :model AND (version = :version OR :version = 0)"
_ALL = 0  # versions begin at 1


@dataclass(frozen=True)
class StoredVersion(RegisteredVersion):
    """A version, and where its bundle is."""

    run_id: str
    source: str


class Versions(Protocol):
    """What is asked of the registry again and again. Everything raises DependencyUnavailable."""

    def aliases(self) -> Mapping[str, str]:
        """Alias -> version; empty before the first one."""

    def find(self, alias_or_version: str) -> StoredVersion | None:
        """The version; None for a name that means nothing."""

    def all(self) -> Sequence[StoredVersion]:
        """Every version, the oldest first."""


def versions_of(mlflow: MlflowConnection, model: str) -> Versions:
    """Those of a model."""
    return ServerVersions(mlflow, model) if mlflow.uri.startswith("http") else TableVersions(mlflow, model)


class TableVersions:
    """In the tables of MLflow's database, which it makes itself when it is first used."""

    def __init__(self, mlflow: MlflowConnection, model: str) -> None:
        self._mlflow = mlflow
        self._model = model
        self._opened: Engine | None = None

    def aliases(self) -> Mapping[str, str]:
        return {str(alias): str(version) for alias, version in self._rows("list the aliases", _ALIASES)}

    def find(self, alias_or_version: str) -> StoredVersion | None:
        version = alias_or_version if alias_or_version.isdigit() else self.aliases().get(alias_or_version)
        found = self._found("look up a release", int(version)) if version else []
        return found[0] if found else None

    def all(self) -> Sequence[StoredVersion]:
        return self._found("list the versions", _ALL)

    def _found(self, doing: str, version: int) -> list[StoredVersion]:
        tags: dict[int, dict[str, str]] = defaultdict(dict)
        for number, key, value in self._rows(doing, _TAGS, version=version):
            tags[number][key] = value
        rows, aliases = self._rows(doing, _VERSIONS, version=version), self.aliases()
        return [
            StoredVersion(
                str(number),
                created / 1e3,
                tuple(sorted(alias for alias, meant in aliases.items() if meant == str(number))),
                tags[number],
                str(run_id),
                str(source),
            )
            for number, created, run_id, source in sorted(rows)
        ]

    def _rows(self, doing: str, query: str, **values: object) -> Sequence[Any]:
        from sqlalchemy import text

        engine = self._engine()
        with translated(doing), engine.connect() as connection:
            return connection.execute(text(query), {"model": self._model, **values}).all()

    def _engine(self) -> Engine:
        if self._opened is None:
            from sqlalchemy import create_engine, inspect

            with translated("open the tracking store"):
                engine = create_engine(self._mlflow.uri, pool_pre_ping=True)
                path = engine.url.database if engine.dialect.name == "sqlite" else None
                made = (path is None or Path(path).is_file()) and inspect(engine).has_table("model_versions")
            self._mlflow.anchor() if made else self._mlflow.client()
            self._opened = engine
        return self._opened


class ServerVersions:
    """From an MLflow server, through MLflow's own client."""

    def __init__(self, mlflow: MlflowConnection, model: str) -> None:
        self._mlflow = mlflow
        self._model = model

    def aliases(self) -> Mapping[str, str]:
        client = self._mlflow.client()
        try:
            with translated("list the aliases", unknown=lambda: NotFound("nothing was registered yet")):
                found = client.get_registered_model(self._model).aliases
        except NotFound:
            return {}
        return {str(alias): str(version) for alias, version in found.items()}

    def find(self, alias_or_version: str) -> StoredVersion | None:
        client = self._mlflow.client()
        try:
            with translated("look up a release", unknown=lambda: NotFound(alias_or_version)):
                if alias_or_version.isdigit():
                    found = client.get_model_version(self._model, alias_or_version)
                else:
                    found = client.get_model_version_by_alias(self._model, alias_or_version)
        except NotFound:
            return None
        return _stored(found, found.aliases)

    def all(self) -> Sequence[StoredVersion]:
        client, wanted, aliases = self._mlflow.client(), f"name = '{self._model}'", self.aliases()
        with translated("list the versions"):
            found = client.search_model_versions(wanted)
            while found.token:
                page = client.search_model_versions(wanted, page_token=found.token)
                found = type(page)([*found, *page], page.token)
        return [
            _stored(one, [alias for alias, version in aliases.items() if version == str(one.version)])
            for one in sorted(found, key=lambda one: int(one.version))
        ]


def _stored(one: ModelVersion, aliases: Sequence[str]) -> StoredVersion:
    created = one.creation_timestamp / 1e3
    return StoredVersion(str(one.version), created, tuple(sorted(aliases)), one.tags, str(one.run_id), str(one.source))
