"""Assembles the FastAPI application from finished objects. Wiring those to settings is the composition root's work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from core.version import VERSION
from serving import pages
from serving.access.rates import RATE_HEADERS
from serving.gorse.app import gorse_app
from serving.http import openapi, problems
from serving.http.again import Again
from serving.http.middleware import REQUEST_ID, BodyLimit, RequestContext
from serving.http.shedding import Shedding
from serving.http.slashes import EncodedSlashes
from serving.routes.all import API_ROUTES, ROUTES, include
from serving.routes.api import Api
from serving.routes.known import known_here


def create_app(
    api: Api, max_body_bytes: int = 1_048_576, origins: Sequence[str] = (), closers: Sequence[Callable[[], None]] = ()
) -> FastAPI:
    """The application, which browsers let pages of `origins` call.

    `closers` run at shutdown, after the last request: for what the composition root opened.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(api.readiness.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await api.service.features.disconnect()
            await api.access.rates.close()
            for close in (api.readiness.close, api.ingestion.close, api.films.close, api.service.close, *closers):
                close()

    app = FastAPI(
        title="Marquee",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.api = api
    include(app)
    if api.gorse is not None:
        app.mount("/api", gorse_app(api, api.gorse))
    pages.install(app)
    problems.install(app, ROUTES)
    rule, batch, open_to_all = api.ingestion.clock_rule, api.ingestion.max_batch, api.access.open_to_all
    openapi.describe(app, openapi.Facts(batch, rule, open_to_all, partial(known_here, api), API_ROUTES))
    app.add_middleware(BodyLimit, limit=max_body_bytes)
    app.add_middleware(EncodedSlashes)
    app.add_middleware(Shedding, refusal=api.service.refusal)
    app.add_middleware(Again, service=api.service, access=api.access, known=api.known_addresses)
    if origins:
        headers, methods = ["X-Api-Key", "Authorization"], ["GET", "POST"]
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=methods,
            allow_headers=headers,
            expose_headers=[REQUEST_ID, *RATE_HEADERS],
        )
    app.add_middleware(RequestContext)
    return app
