"""The figures of the production release on events that nothing about it had seen, as its gate saw them.

marquee demo      (or `marquee release build`), then
python benchmarks/release.py
"""

from __future__ import annotations

import record

from app import wiring
from app.console import settings
from app.usecases import lake_content
from core.bundle import read_manifest

SHOWN = (
    "ndcg@10",
    "hr@10",
    "mrr",
    "debiased_ndcg@10",
    "coverage@10",
    "retrieval_ndcg@10",
    "retrieval_hr@10",
    "retrieval_hr@200",
    "popularity_ndcg@10",
    "popularity_hr@10",
    "popularity_coverage@10",
    "lift",
    "lift_low",
    "lift_high",
    "ranking_lift",
    "ranking_lift_low",
    "ranking_lift_high",
    "queries",
    "users",
    "warm_share",
)


def main() -> None:
    manifest = read_manifest(wiring.registry(settings()).fetch("production"))
    metrics = {name: manifest.metrics[name] for name in SHOWN}
    data = f"{lake_content.loaded_name(settings())} {lake_content.loaded_digest(settings())}"
    seed = int(str(manifest.config["seed"]))
    print(record.write("demo-release", data, metrics, (seed,)))


if __name__ == "__main__":
    main()
