"""Assembles the FastAPI application from finished objects. Wiring those to settings is the composition root's work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from serving import pages
from serving.http import openapi, problems
from serving.http.middleware import BodyLimit, RequestContext
from serving.http.slashes import EncodedSlashes
from serving.routes.all import ROUTES, include
from serving.routes.api import Api


def create_app(api: Api, max_body_bytes: int = 1_048_576, closers: Sequence[Callable[[], None]] = ()) -> FastAPI:
    """The application. `closers` run at shutdown, after the last request: for what the composition root opened."""

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
            for close in (api.readiness.close, api.ingestion.close, api.service.close, *closers):
                close()

    app = FastAPI(
        title="Marquee", version=version("marquee"), docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan
    )
    app.state.api = api
    include(app)
    pages.install(app)
    problems.install(app, ROUTES)
    openapi.describe(app, api.ingestion.max_batch)
    app.add_middleware(BodyLimit, limit=max_body_bytes)
    app.add_middleware(EncodedSlashes)
    app.add_middleware(RequestContext)
    return app
