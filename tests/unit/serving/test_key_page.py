"""The page of an API that asks for keys, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import tab
from playwright.async_api import expect
from served import served
from small_access import access_in

from serving.access.callers import Scope

pytestmark = [pytest.mark.anyio, pytest.mark.service("chromium")]


async def test_it_asks_for_a_key_and_shows_a_list_with_it(
    build_world: Callable[..., Any], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    access = access_in(tmp_path, open_to_all=False)
    key = access.keys.create("page", [Scope.READ, Scope.EVENTS])
    async with (
        served(build_world(access=access).app, free_port(), lifespan="off") as port,
        tab(f"http://127.0.0.1:{port}/#/user/7", allowed="401") as shown,  # the browser reports every refused request itself
    ):
        page = shown.page
        dialog = page.get_by_role("dialog", name="A key, please")
        await expect(dialog).to_be_visible()
        await dialog.get_by_label("API key").fill("mq_wrong")
        await dialog.get_by_role("button", name="Use it").click()
        await expect(page.get_by_text("Try again").first).to_be_visible()
        await expect(dialog).to_be_visible()
        assert await page.locator(".card[data-item]").count() == 0
        await dialog.get_by_label("API key").fill(key)
        await dialog.get_by_role("button", name="Use it").click()
        await expect(page.locator(".card[data-item]").first).to_be_visible()
        await expect(dialog).to_be_hidden()
