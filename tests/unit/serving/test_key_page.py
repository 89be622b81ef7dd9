"""The page of an API that asks for keys, in a real browser."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from served import served
from small_access import access_in
from websockets.asyncio.client import connect

from serving.access.callers import Scope

pytestmark = [pytest.mark.anyio, pytest.mark.service("chromium")]
ENTER = """document.getElementById("key").value = {key}; document.querySelector("#key-dialog button").click()"""
SEEN = """JSON.stringify([document.getElementById("key-dialog").open, document.querySelectorAll("#list > li").length])"""


@asynccontextmanager
async def browser(url: str, port: int, profile: Path) -> AsyncIterator[Callable[[str], Any]]:
    """A function that evaluates JavaScript in a page that shows `url`."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}", f"--user-data-dir={profile}"]
    with subprocess.Popen(["chromium", *flags, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            async with connect(await _page(port), max_size=None) as tab:

                async def evaluate(script: str) -> Any:
                    await tab.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": {"expression": script}}))
                    while (answer := json.loads(await tab.recv())).get("id") != 1:
                        pass
                    return answer.get("result", {}).get("result", {}).get("value")  # none while the page is loaded

                yield evaluate
        finally:
            process.terminate()


async def _page(port: int) -> str:
    while True:
        try:
            found = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/json/list")
            with found:
                pages = [page for page in json.load(found) if page["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        except OSError:
            pass
        await asyncio.sleep(0.1)


async def until(evaluate: Callable[[str], Any], wanted: Callable[[bool, int], bool]) -> None:
    while True:
        seen = await evaluate(SEEN)
        if seen is not None and wanted(*json.loads(seen)):
            return
        await asyncio.sleep(0.1)


async def test_it_asks_for_a_key_and_shows_a_list_with_it(
    build_world: Callable[..., Any], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    access = access_in(tmp_path, open_to_all=False)
    key = access.keys.create("page", [Scope.READ, Scope.EVENTS])
    async with (
        served(build_world(access=access).app, free_port(), lifespan="off") as port,
        browser(f"http://127.0.0.1:{port}/", free_port(), tmp_path / "p") as evaluate,
    ):
        await until(evaluate, lambda asked, films: asked and films == 0)
        await evaluate(ENTER.format(key=json.dumps("mq_wrong")))
        await asyncio.sleep(0.5)
        await until(evaluate, lambda asked, films: asked and films == 0)
        await evaluate(ENTER.format(key=json.dumps(key)))
        await until(evaluate, lambda asked, films: not asked and films > 0)
