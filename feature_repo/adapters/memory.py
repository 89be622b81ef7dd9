"""Online features in memory: the test double that ships, and enough for one process without a store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from core.features import UserFeatures


class MemoryFeatures:
    """FeatureReader and FeatureWriter over a dictionary. Thread-safe."""

    def __init__(self) -> None:
        self._users: dict[int, UserFeatures] = {}
        self._lock = threading.Lock()

    def read(self, user_id: int) -> UserFeatures | None:
        with self._lock:
            return self._users.get(user_id)

    def write(self, users: Sequence[UserFeatures]) -> None:
        with self._lock:
            self._users.update((user.user_id, user) for user in users)

    def holds(self, user_id: int) -> bool:
        """Whether anything of the user is kept."""
        return self.read(user_id) is not None

    def erase(self, user_id: int) -> None:
        with self._lock:
            self._users.pop(user_id, None)
