"""Says in metrics what a host serves."""

from __future__ import annotations

from collections.abc import Iterable

from core.telemetry import CANARY_SHARE, MODEL_TRAINED_UNTIL, POLICY_INFO, RELEASE_INFO, SERVED_TIMESTAMP, SERVED_VERSION
from recommender import split
from recommender.experiments.arms import PRODUCTION, ServedArms
from recommender.followed import FollowedReleases


def report(before: set[str], left: ServedArms, now: ServedArms, releases: FollowedReleases, parts: Iterable[split.Part]) -> None:
    """Releases in `before`, and arms in `left`, may not be served any more."""
    served = {live.snapshot.name for live, aliases in releases.each() if aliases != {split.STAGING}}
    for name in before | served:
        RELEASE_INFO.labels(name).set(name in served)
    for alias, live in releases.live.items():
        MODEL_TRAINED_UNTIL.labels(alias).set(live.snapshot.release.manifest.trained_until)
    policies = {(name, arm.policy.id) for name, arm in now.arms.items()}
    for pair in policies | {(name, arm.policy.id) for name, arm in left.arms.items()}:
        POLICY_INFO.labels(*pair).set(pair in policies)
    arms = now.arms.values()
    of_parts = sum(part.share for part in parts if part.alias == split.CANARY)
    on_production = sum(arm.share for arm in arms if arm.release == PRODUCTION)
    CANARY_SHARE.set(sum(arm.share for arm in arms if arm.release == split.CANARY) + of_parts * on_production)
    main = releases[now.arms[now.main].release]
    SERVED_VERSION.set(main.learned_version)
    SERVED_TIMESTAMP.labels("statistics").set(main.snapshot.stats.as_of)
    SERVED_TIMESTAMP.labels("item_vectors").set(main.learned_at or main.snapshot.release.manifest.trained_until)
