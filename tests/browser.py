"""A real browser for the tests of the page: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.async_api import ConsoleMessage, Error, Page, async_playwright, expect

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
PICTURES = Path(__file__).resolve().parents[1] / "build" / "page"  # ignored by git
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE, SMALL = (1280, 900), (390, 844), (360, 740)  # px
PATIENCE = 20_000  # milliseconds; two busy cores
expect.set_options(timeout=PATIENCE)


@dataclass
class Tab:
    """A page that is shown, and what its console said."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def broke(self, error: Error) -> None:
        self.errors.append(str(error))

    async def settled(self) -> None:
        """Until nothing is loaded any more and no placeholder is left."""
        await self.page.wait_for_load_state("networkidle")
        await expect(self.page.locator("#main :is(.blank, .waiting)")).to_have_count(0)

    async def picture(self, name: str, whole: bool = False) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)

    async def complaints(self) -> list[str]:
        """What axe finds that is serious or critical."""
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        return [
            f"{one['id']} ({one['impact']}): {[node['target'] for node in one['nodes']][:3]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    async def overflow(self) -> int:
        """By how many px the document is wider than the window."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@asynccontextmanager
async def tab(
    url: str, size: tuple[int, int] = DESK, scheme: str = "dark", allowed: str | None = None, **context: Any
) -> AsyncIterator[Tab]:
    """A browser of its own that shows `url`. Fails at the end for an error on the console that does not contain `allowed`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        settings: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}, **context}
        page = await (await browser.new_context(**settings)).new_page()
        page.set_default_timeout(PATIENCE)
        shown = Tab(page)
        page.on("console", shown.heard)
        page.on("pageerror", shown.broke)
        try:
            await page.goto(url)
            yield shown
        finally:
            await browser.close()
        wrong = [error for error in shown.errors if allowed is None or allowed not in error]
        assert not wrong, wrong
