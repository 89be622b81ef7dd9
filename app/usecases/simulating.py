"""The HTTP edge of the simulator: the API as the service that simulated visitors use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import orjson

from core.errors import DependencyUnavailable
from evaluation.simulation.drivers import Acknowledgement, Refused, ServedList, ServiceDriver
from evaluation.simulation.pacing import TokenBucket, drive
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import LIST_LENGTH, EventBody, Simulation


class ApiService:
    """Marquee's own API over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, user_id: int) -> ServedList:
        response = await self._answer("GET", f"/recommend/{user_id}?format=ids&k={LIST_LENGTH}")
        return ServedList(response.json()["recommendations"], response.headers.get("X-Request-Id"))

    async def tell(self, event: EventBody) -> Acknowledgement:
        receipt = (await self._answer("POST", "/events", content=orjson.dumps(event))).json()
        return Acknowledgement(receipt["accepted"], len(receipt["quarantined"]))

    async def _answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Raises Refused by the name of the error, or by the status."""
        try:
            response = await self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise Refused(type(error).__name__, answered=False) from error
        if response.status_code >= 300:
            raise Refused(str(response.status_code), answered=True)
        return response


async def visit_api(
    simulation: Simulation,
    url: str,
    bucket: TokenBucket,
    statistics: RunStatistics,
    going: Callable[[], bool],
    headers: Mapping[str, str] | None = None,
    max_concurrent: int = 64,
) -> None:
    """`drive` against the API at `url`, with `headers` on every request. Raises DependencyUnavailable where nothing answers."""
    limits = httpx.Limits(max_connections=max_concurrent, max_keepalive_connections=max_concurrent)
    async with httpx.AsyncClient(base_url=url, timeout=10.0, limits=limits, headers=headers) as http:
        try:
            await http.get("/health/live")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DependencyUnavailable("api", f"{url}: {error}", "start it with `marquee up`, or name it with --url") from error
        await drive(
            simulation, ServiceDriver(ApiService(http), simulation, statistics), bucket, statistics, going, max_concurrent
        )
