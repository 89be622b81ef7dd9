"""An application served by Uvicorn in the event loop of a test, on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def served(app: Any, port: int, **config: Any) -> AsyncIterator[int]:
    """The port, while it is served; `config` goes to Uvicorn."""
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_config=None, **config))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        await running
