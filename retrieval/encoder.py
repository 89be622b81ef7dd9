"""The user tower at serving time: ONNX Runtime on one thread, no torch in the process."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from core.feature_schema import LEGACY
from core.features import UserFeatures
from core.onnx_session import Session, one_thread_session
from retrieval.history import EncodedHistory, history_of, tower_inputs

_INPUTS = ("items", "kinds", "values", "gaps", "length", "profile")
_OUTPUT = "user"
# Metadata of the model
HISTORY_LENGTH = "history_length"  # maximum number of events that it reads
N_KINDS = "kinds"  # event kinds that it knows, by code from 0; older models without this entry know those of the legacy schema


class UserEncoder:
    """User features -> user vector, in the embedding space of one release. Thread-safe."""

    def __init__(self, tower: Path, embeddings: NDArray[np.float32], catalogue: Catalogue) -> None:
        """`embeddings` [n, d] are row-aligned with the catalogue. Raises BundleCorrupt."""
        if len(embeddings) != len(catalogue):
            raise BundleCorrupt(f"{len(embeddings)} item embeddings for {len(catalogue)} items of the catalogue")
        self.catalogue = catalogue
        self.embeddings = np.ascontiguousarray(embeddings, dtype=np.float32)
        self._session = _session(tower)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.history_length = int(metadata[HISTORY_LENGTH])
        self.n_kinds = int(metadata.get(N_KINDS, len(LEGACY.kinds)))

    @property
    def dim(self) -> int:
        return int(self.embeddings.shape[1])

    def encode(self, user: UserFeatures) -> NDArray[np.float32] | None:
        """The user's vector [d], or None for a user without a profile and without an event on an item of this release."""
        history = self.history(user)
        return self._run([history])[0] if _has_input(history) else None

    def encode_many(self, users: Sequence[UserFeatures], batch: int = 256) -> NDArray[np.float32]:
        """Vectors [len(users), d] for offline use; a row of zeros for a user for whom `encode` returns None.

        Users with similar history lengths share a batch, so that there is little padding.
        """
        histories = [self.history(user) for user in users]
        order = sorted((i for i, history in enumerate(histories) if _has_input(history)), key=lambda i: len(histories[i]))
        vectors = np.zeros((len(users), self.dim), dtype=np.float32)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            vectors[part] = self._run([histories[i] for i in part])
        return vectors

    def history(self, user: UserFeatures) -> EncodedHistory:
        """The tower's input for a user."""
        return history_of(user, self.catalogue, self.history_length, self.n_kinds)

    def encode_histories(self, histories: Sequence[EncodedHistory], embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """User vectors [len(histories), d] for other item `embeddings` [n, d], as online learning needs them."""
        vectors: NDArray[np.float32] = self._session.run([_OUTPUT], tower_inputs(histories, embeddings))[0]
        return vectors

    def moved(self, embeddings: NDArray[np.float32]) -> UserEncoder:
        """The same tower with other item `embeddings` [n, d]; it shares the session."""
        other = copy.copy(self)
        other.embeddings = np.ascontiguousarray(embeddings, dtype=np.float32)
        return other

    def _run(self, histories: Sequence[EncodedHistory]) -> NDArray[np.float32]:
        return self.encode_histories(histories, self.embeddings)


def _has_input(history: EncodedHistory) -> bool:
    return len(history) > 0 or len(history.profile) > 0


def _session(tower: Path) -> Session:
    try:
        session = one_thread_session(tower)
    except BundleCorrupt as error:
        raise BundleCorrupt(f"{tower}: {error}") from error
    found = {entry.name for entry in session.get_inputs()}
    if found != set(_INPUTS):
        raise BundleCorrupt(f"{tower} reads {sorted(found)}; the user tower's contract is {sorted(_INPUTS)}")
    if HISTORY_LENGTH not in session.get_modelmeta().custom_metadata_map:
        raise BundleCorrupt(f"{tower} does not say how many events it reads (metadata {HISTORY_LENGTH})")
    return session
