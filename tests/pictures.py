"""The pictures of the page in docs/images, from a running demo: `python tests/pictures.py http://127.0.0.1:8000`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from browser import tab
from playwright.async_api import Page, expect

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1280, 860)  # px


async def _save(page: Page, name: str) -> None:
    await page.wait_for_timeout(900)  # until nothing glides any more
    await page.screenshot(path=IMAGES / f"{name}.png")


async def main(url: str) -> None:
    async with tab(url, size=SIZE, scheme="dark") as shown:
        page = shown.page
        await shown.settled()
        card = page.locator("main section").first.locator(".card").nth(2)
        await card.locator('[data-act="rate"]').click()
        await card.get_by_role("slider").press("End")
        await card.get_by_role("slider").press("Enter")
        await expect(page.locator("main section").first.locator(".note")).to_contain_text("5 stars")
        await page.mouse.move(0, 0)
        await _save(page, "page")
    async with tab(url, size=SIZE, scheme="light") as shown:
        page = shown.page
        await shown.settled()
        await page.get_by_role("link", name="See how this list was made").click()
        await expect(page.locator("svg.pipeline")).to_be_visible()
        await _save(page, "behind")
        await page.get_by_role("link", name="Map", exact=True).click()
        await expect(page.locator(".near .chip").first).to_be_visible()
        await _save(page, "map")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"))
