"""Which index answers searches: the policy behind `MARQUEE_VECTOR_SEARCH`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.ports import VectorIndex
from core.settings import Settings
from recommender.release import Release
from retrieval.adapters.mirror import MirrorIndex
from retrieval.fallback import FallbackIndex
from retrieval.verified_mirror import VerifiedMirror


@dataclass(frozen=True)
class VectorSearch:
    """The index that a release is searched in, whether its mirror stands in for Milvus now, and the mirror, if it has one."""

    index: VectorIndex
    degraded: Callable[[], bool]
    mirror: MirrorIndex | None


def search_of(settings: Settings, release: Release, milvus: VectorIndex) -> VectorSearch:
    """See decision 4. A catalogue above `mirror_max_items` has no mirror, whatever the mode.

    Every release has a mirror of its own, which is freed with it; Milvus has a collection for each.
    """
    if settings.vector_search != "mirror" and len(release.catalogue) > settings.mirror_max_items:
        return VectorSearch(milvus, lambda: False, None)
    mirror = MirrorIndex()
    mirror.publish(release.name, release.catalogue.ids, release.item_vectors)
    if settings.vector_search == "mirror":
        return VectorSearch(mirror, lambda: False, mirror)
    index = FallbackIndex(milvus, mirror) if settings.vector_search == "milvus" else VerifiedMirror(mirror, milvus)
    return VectorSearch(index, lambda: index.degraded, mirror)
