"""Vectors in Milvus: one collection per release behind an alias of its own, and an alias for the live one.

Publishing fills a fresh collection under a one-off name and moves the release's alias onto it as the last step. The alias
is the commit: a publisher that dies half-way leaves an orphaned collection that `retain` drops, never a half-filled index. The
row count is part of the collection's name, so that any process can tell whether a collection is complete.
"""

from __future__ import annotations

import hashlib
import logging
import re
import socket
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from core.errors import DependencyUnavailable, NotFound
from retrieval.vectors import check_vectors

PREFIX = "marquee_"
LIVE = f"{PREFIX}live"
MAX_K = 16_384  # Milvus refuses a larger top-k
_PORT = 19530
_ID, _VECTOR = "id", "vector"
_MISSING = frozenset({100, 1600})  # Milvus error codes: collection not found, alias not found
_NOT_LOADED = 101


@dataclass(frozen=True)
class MilvusTuning:
    """How collections are built and searched."""

    flat_up_to: int = 200_000  # rows up to which search is exact (FLAT); above it an HNSW graph
    m: int = 32  # HNSW: edges per node
    ef_construction: int = 200  # HNSW: candidates examined while building
    ef: int = 800  # HNSW: candidates examined while searching, at least k; recall@200 .988 on noise, .9998 on towers
    batch: int = 10_000  # rows per insert
    write_timeout: float = 60.0  # seconds that one step of publishing may take


class MilvusIndex:
    """A `VectorIndex` on Milvus or Milvus Lite. Connects at the first call, and again after a failure."""

    in_process = False

    def __init__(
        self,
        uri: str,
        timeout: float = 2.0,
        tuning: MilvusTuning | None = None,
        written: Callable[[int], object] = lambda _: None,
    ) -> None:
        """`timeout`: seconds that connecting and each read may take. `written` is called for each batch that `publish` wrote."""
        self.uri = uri
        self.timeout = timeout
        self.tuning = tuning or MilvusTuning()
        self._written = written
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()
        self._rows: dict[str, int] = {}  # release -> rows, as last seen
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs a traceback of errors that are raised here anyway

    def publish(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Build a new collection for the release, then move its alias onto it. Raises InvalidInput, DependencyUnavailable."""
        check_vectors(item_ids, vectors)
        name = f"{alias_of(release)}_{len(item_ids)}_{uuid.uuid4().hex[:8]}"
        with self._calling(release) as client:
            self._fill(client, name, item_ids, vectors)
            stored = self._count(client, name)
            if stored != len(item_ids):
                raise DependencyUnavailable("milvus", f"{name} holds {stored} of {len(item_ids)} rows", "publish again")
            self._point(client, alias_of(release), name)
            self._point(client, LIVE, name)
            self._drop(client, [old for old in self._collections(client, f"{alias_of(release)}_") if old != name])
        self._rows[release] = len(item_ids)

    def move(self, release: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Overwrite the rows of these items, which must be in the release, because others would be added. Raises NotFound."""
        check_vectors(item_ids, vectors)
        with self._calling(release) as client:
            for start in range(0, len(item_ids), self.tuning.batch):
                part = slice(start, start + self.tuning.batch)
                client.upsert(alias_of(release), _rows(item_ids[part], vectors[part]), timeout=self.tuning.write_timeout)

    def search(self, release: str, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k (at most MAX_K) best by inner product. Raises NotFound, DependencyUnavailable."""
        with self._calling(release) as client:
            try:
                return self._nearest(client, release, query, k)
            except MilvusException as error:
                if error.code != _NOT_LOADED:
                    raise
            # After a restart Milvus Lite has no collection loaded.
            client.load_collection(alias_of(release), timeout=self.tuning.write_timeout)
            return self._nearest(client, release, query, k)

    def ready(self, release: str) -> bool:
        with self._calling(release) as client:
            try:
                name = self._target(client, alias_of(release))
                return self._count(client, name) == _rows_of(name)
            except MilvusException as error:
                if error.code not in _MISSING:
                    raise
                return False

    def retain(self, releases: Collection[str]) -> list[str]:
        """Drop every collection except those of these releases and the live one; returns the dropped names.

        Do not run this while another process publishes: it cannot tell an unfinished collection from an abandoned one.
        """
        with self._calling("") as client:
            kept = {self._target(client, alias) for alias in (LIVE, *map(alias_of, releases)) if self._known(client, alias)}
            dropped = [name for name in self._collections(client, PREFIX) if name not in kept]
            self._drop(client, dropped)
        return dropped

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        with self._connecting:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _fill(self, client: MilvusClient, name: str, item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """A new collection, complete, indexed and loaded."""
        wait = self.tuning.write_timeout
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(_ID, DataType.INT64, is_primary=True)
        schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        client.create_collection(name, schema=schema, timeout=wait)
        for start in range(0, len(item_ids), self.tuning.batch):
            part = slice(start, start + self.tuning.batch)
            client.insert(name, _rows(item_ids[part], vectors[part]), timeout=wait)
            self._written(len(item_ids[part]))
        client.flush(name, timeout=wait)
        index = MilvusClient.prepare_index_params()
        index.add_index(_VECTOR, metric_type="IP", **self._index(len(item_ids)))
        client.create_index(name, index, timeout=wait)
        client.load_collection(name, timeout=wait)

    def _index(self, rows: int) -> dict[str, object]:
        if rows <= self.tuning.flat_up_to:
            return {"index_type": "FLAT"}
        return {"index_type": "HNSW", "params": {"M": self.tuning.m, "efConstruction": self.tuning.ef_construction}}

    def _nearest(
        self, client: MilvusClient, release: str, query: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        k = min(k, MAX_K)
        if release not in self._rows:
            self._rows[release] = _rows_of(self._target(client, alias_of(release)))
        graph = self._rows[release] > self.tuning.flat_up_to
        hits = client.search(
            alias_of(release),
            data=[query.astype(np.float32)],
            limit=k,
            output_fields=[_ID],  # without it Milvus Lite sends every vector back: 150 ms instead of 12
            search_params={"metric_type": "IP", "params": {"ef": max(k, self.tuning.ef)} if graph else {}},
            timeout=self.timeout,
        )[0]
        return np.array(hits.ids, dtype=np.int64), np.array(hits.distances, dtype=np.float32)

    def _count(self, client: MilvusClient, name: str) -> int:
        found = client.query(name, filter="", output_fields=["count(*)"], consistency_level="Strong", timeout=self.timeout)
        return int(found[0]["count(*)"])

    def _target(self, client: MilvusClient, alias: str) -> str:
        return str(client.describe_alias(alias, timeout=self.timeout)["collection_name"])

    def _known(self, client: MilvusClient, alias: str) -> bool:
        return bool(client.has_collection(alias, timeout=self.timeout))

    def _point(self, client: MilvusClient, alias: str, name: str) -> None:
        if self._known(client, alias):
            client.alter_alias(name, alias, timeout=self.timeout)
        else:
            client.create_alias(name, alias, timeout=self.timeout)

    def _collections(self, client: MilvusClient, prefix: str) -> list[str]:
        return sorted(name for name in client.list_collections(timeout=self.timeout) if name.startswith(prefix))

    def _drop(self, client: MilvusClient, names: list[str]) -> None:
        for name in names:
            for alias in client.list_aliases(name, timeout=self.timeout)["aliases"]:
                client.drop_alias(alias, timeout=self.timeout)  # Milvus does not drop a collection that an alias points at
            client.drop_collection(name, timeout=self.tuning.write_timeout)

    @contextmanager
    def _calling(self, release: str) -> Iterator[MilvusClient]:
        """The client, translating every failure of the SDK. A failed client is not used again."""
        client: MilvusClient | None = None
        try:
            client = self._connected()
            yield client
        except MilvusException as error:
            if error.code in _MISSING:
                raise NotFound(f"milvus has no collection of release {release}", release=release) from error
            self._fail(client, error.message, error)
        except (grpc.RpcError, OSError, ValueError) as error:  # ValueError: another thread closed the channel meanwhile
            self._fail(client, _reason(error), error)

    def _fail(self, client: MilvusClient | None, reason: str, cause: Exception) -> NoReturn:
        if client is not None and client is self._client:  # a call that hung for long must not close the one that came after
            self.close()
        raise DependencyUnavailable("milvus", f"{self.uri}: {reason}", "start it with `marquee up`") from cause

    def _connected(self) -> MilvusClient:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> MilvusClient:
        address = urlsplit(self.uri)
        # A refused connection is detected here in a millisecond; gRPC would retry until the time-out.
        socket.create_connection((address.hostname or "", address.port or _PORT), self.timeout).close()
        client = MilvusClient(self.uri, timeout=self.timeout, dedicated=True)
        # When a connection is lost, pymilvus reconnects and retries until the time-out, and its error hook is the only
        # way to stop it. Marquee can answer a request in other ways and needs to know at once.
        client._handler._on_rpc_error = _give_up
        return client


def alias_of(release: str) -> str:
    """A name that Milvus allows (letters, digits, underscores) and that no two releases share."""
    digest = hashlib.sha256(release.encode()).hexdigest()[:8]
    return f"{PREFIX}{re.sub(r'[^A-Za-z0-9]', '_', release)[:64]}_{digest}"


def _rows(item_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> list[dict[str, object]]:
    return [{_ID: item, _VECTOR: vector} for item, vector in zip(item_ids.tolist(), vectors.astype(np.float32), strict=True)]


def _rows_of(name: str) -> int:
    return int(name.rsplit("_", 2)[1])


def _give_up(error: Exception) -> NoReturn:
    raise error


def _reason(error: Exception) -> str:
    return str(error.details()) if isinstance(error, grpc.Call) else str(error)
