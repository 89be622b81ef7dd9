"""The registry on MLflow: releases are model versions whose source is the bundle folder of a run.

No model flavour and no pickle: a bundle is plain files, which MLflow only stores, versions and displays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from core.bundle import MANIFEST, Manifest
from core.errors import BundleCorrupt, DependencyUnavailable, NotFound
from core.ports import RegisteredVersion
from lifecycle.adapters import stages
from lifecycle.adapters.aliases import check_alias
from lifecycle.adapters.bundle_cache import BundleCache
from lifecycle.adapters.mlflow_sdk import REQUEST_SECONDS, MlflowConnection, metric_name, translated
from lifecycle.adapters.mlflow_versions import StoredVersion, versions_of
from lifecycle.release_facts import bytes_of

FOLDER = "bundle"  # of a run's artifacts
_SHOWN_VERSIONS = 10  # maximum number that an error names
_log = logging.getLogger(__name__)


class MlflowRegistry:
    """Release bundles in MLflow's model registry, with a local cache that outlives it."""

    def __init__(self, tracking_uri: str, artifact_root: Path, model_name: str, cache: Path) -> None:
        self._mlflow = MlflowConnection(tracking_uri, artifact_root)
        self._model = model_name
        self._stored = versions_of(self._mlflow, model_name)
        self._cache = BundleCache(cache)

    def register(self, bundle: Path) -> str:
        """Store the bundle with the run of its release's name, or with a new run. Raises BundleCorrupt."""
        manifest = _manifest(bundle)
        client, experiment = self._mlflow.client(), self._mlflow.experiment()
        with translated("register the release"):
            wanted = f"attributes.run_name = '{manifest.release}'"
            runs = client.search_runs([experiment], wanted, max_results=1)
            run = runs[0] if runs else client.create_run(experiment, run_name=manifest.release)
            client.log_artifacts(run.info.run_id, str(bundle), FOLDER)
            if not runs:
                client.set_terminated(run.info.run_id)
            self._ensure_model()
            version = client.create_model_version(
                self._model,
                source=f"{run.info.artifact_uri}/{FOLDER}",
                run_id=run.info.run_id,
                tags=_tags(manifest, bundle),
                description=f"release {manifest.release}",
                await_creation_for=REQUEST_SECONDS,
            )
        return str(version.version)

    def point(self, alias: str, version: str) -> None:
        """Make the alias mean this version, and mirror it in the tag `stage`. Raises NotFound, InvalidInput."""
        check_alias(alias)
        client = self._mlflow.client()
        target = self._find(version)
        try:
            before = self._find(alias).version
        except NotFound:
            before = version
        with translated(f"point {alias} at version {version}"):
            client.set_registered_model_alias(self._model, alias, target.version)
        for touched in {before, version}:
            self._mirror(self._find(touched))

    def remove(self, alias: str) -> None:
        """See `ModelRegistry`. Raises InvalidInput for a bad name."""
        check_alias(alias)
        try:
            before = self._find(alias).version
        except NotFound:
            return
        with translated(f"remove {alias}"):
            self._mlflow.client().delete_registered_model_alias(self._model, alias)
        self._mirror(self._find(before))

    def version(self, alias_or_version: str) -> str:
        """The version that an alias means. Raises NotFound."""
        return self._find(alias_or_version).version

    def aliases(self) -> Mapping[str, str]:
        """See `ModelRegistry`."""
        return self._stored.aliases()

    def fetch(self, alias_or_version: str) -> Path:
        """A local folder with that bundle: from the cache if possible, and while MLflow is unavailable the last known version.

        Raises NotFound, or DependencyUnavailable when MLflow is unavailable and the cache does not know the name.
        """
        try:
            found = self._find(alias_or_version)
            # versions start again at 1 in another registry; run ids do not
            key = f"{found.version}-{found.run_id[:8]}"
            folder = self._cache.get(key, lambda target: self._mlflow.download(found.source, target))
        except DependencyUnavailable as error:
            if error.service != "mlflow":
                raise
            return self._last_known(alias_or_version, error)
        self._cache.remember({alias_or_version: key, found.version: key})
        return folder

    def recall(self, alias_or_version: str) -> Path | None:
        """The local copy of what the name meant when MLflow last knew it, if it is still here."""
        return self._cache.recall(alias_or_version)

    def versions(self) -> list[RegisteredVersion]:
        """See `ModelRegistry`."""
        return [replace(one, tags={stages.NAME: stages.NONE, **one.tags}) for one in self._stored.all()]

    def tag(self, version: str, name: str, value: str) -> None:
        """See `ModelRegistry`."""
        self._find(version)
        with translated("tag a version"):
            self._mlflow.client().set_model_version_tag(self._model, version, name, value)

    def tags(self, version: str) -> Mapping[str, str]:
        """See `ModelRegistry`."""
        return {stages.NAME: stages.NONE, **self._find(version).tags}

    def mirror_stages(self) -> None:
        """See `ModelRegistry`."""
        for one in self.versions():
            self._mirror(one)

    def _last_known(self, name: str, error: DependencyUnavailable) -> Path:
        folder = self._cache.recall(name)
        if folder is None:
            raise error
        _log.warning("%s; %r is taken from the local copy %s", error.detail, name, folder)
        return folder

    def _find(self, alias_or_version: str) -> StoredVersion:
        found = self._stored.find(alias_or_version)
        if found is None:
            raise self._unknown(alias_or_version)
        return found

    def _unknown(self, name: str) -> NotFound:
        """An error that names the version that was there before, and those that can replace it."""
        copy, versions = self._cache.recall(name), [one.version for one in self._stored.all()][-_SHOWN_VERSIONS:]
        was = f" any more (it was {copy.name.partition('-')[0]}, whose copy is {copy})" if copy and not name.isdigit() else ""
        choose = (
            f"promote one of its versions ({', '.join(versions)}) with `marquee release promote VERSION`, or " if versions else ""
        )
        return NotFound(
            f"model {self._model!r} has no release {name!r}{was}; {choose}build one with `marquee release build`",
            versions=versions,
        )

    def _ensure_model(self) -> None:
        client = self._mlflow.client()
        if not client.search_registered_models(f"name = '{self._model}'", max_results=1):
            client.create_registered_model(self._model, description="release bundles of Marquee")

    def _mirror(self, one: RegisteredVersion) -> None:
        before = one.tags.get(stages.NAME, stages.NONE)
        stage = stages.stage_of(one.aliases, before)
        if stage != before:
            client = self._mlflow.client()
            with translated("mirror an alias as a tag"):
                client.set_model_version_tag(self._model, one.version, stages.NAME, stage)


def _manifest(bundle: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((bundle / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise BundleCorrupt(f"{bundle / MANIFEST} cannot be read: {error}") from error


def _tags(manifest: Manifest, bundle: Path) -> dict[str, str]:
    data = {f"data.{table}": str(version) for table, version in manifest.data_version.items()}
    measured = {metric_name(name): f"{value:.4f}" for name, value in manifest.metrics.items()}
    made = {"code_version": manifest.code_version, "bytes": str(bytes_of(bundle, manifest))}
    return {"release": manifest.release, "feature_schema": manifest.feature_schema, **made, **data, **measured}
