"""What a user would write instead of Marquee: FastAPI, `implicit`'s ALS, and histories in Redis.

    uvicorn serving_rival:app     (RIVAL_HOME: a Marquee home whose interactions it learns; RIVAL_REDIS: a Redis URL)

It folds a user's history into ALS factors at each request, as one must to react to events, and leaves out what the user knows.
No features, no filters, no ranking, no exploration, no log of what was shown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from deltalake import DeltaTable
from fastapi import FastAPI, Response
from implicit.cpu.als import AlternatingLeastSquares
from redis.asyncio import Redis
from scipy.sparse import csr_matrix

events = pl.from_arrow(DeltaTable(str(Path(os.environ["RIVAL_HOME"], "lake", "interactions"))).to_pyarrow_table())
items, at = np.unique(events["item_id"].to_numpy(), return_inverse=True)
users, of = np.unique(events["user_id"].to_numpy(), return_inverse=True)
seen = csr_matrix((np.ones(len(at), dtype=np.float32), (of, at)), shape=(len(users), len(items)))
seen.data[:] = 1.0
model = AlternatingLeastSquares(factors=64, iterations=10, random_state=1, num_threads=1)
model.fit(seen, show_progress=False)
redis: Any = Redis.from_url(os.environ["RIVAL_REDIS"])
app = FastAPI()


@app.on_event("startup")
async def fill() -> None:
    await redis.mset({f"history:{user}": orjson.dumps(seen[row].indices.tolist()) for row, user in enumerate(users.tolist())})


@app.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/recommend/{user_id}")
async def recommend(user_id: int, k: int = 20) -> Response:
    columns = orjson.loads(await redis.get(f"history:{user_id}") or b"[]")
    history = csr_matrix((np.ones(len(columns), dtype=np.float32), ([0] * len(columns), columns)), shape=(1, len(items)))
    best, scores = model.recommend(0, history, k, filter_already_liked_items=True, recalculate_user=True)
    found = zip(items[best].tolist(), scores.tolist(), strict=True)
    body = {"user_id": user_id, "strategy": "als", "recommendations": [{"item_id": i, "score": s} for i, s in found]}
    return Response(orjson.dumps(body), media_type="application/json")
