"""How the page looks and reads: accessibility in both themes, narrow windows, the weight of a first visit, and its pictures."""

from __future__ import annotations

import statistics

import pytest
from browser import DESK, PHONE, SMALL, tab
from playwright.async_api import expect
from running import Running

pytestmark = [pytest.mark.anyio, pytest.mark.service("milvus"), pytest.mark.service("chromium"), pytest.mark.timeout(1200)]
VIEWS = {
    "home": "#/user/42",
    "film": "#/film/318",
    "search": "#/search?q=star%20wars",
    "genre": "#/genre/Film-Noir",
    "behind": "#/user/42/behind",
    "map": "#/map",
    "operate": "#/operate",
    "welcome": "#/welcome",
}
LATENCY, BYTES = 40, 10_240_000 / 8  # milliseconds and bytes a second: a good mobile network
WITHIN = 1_000  # milliseconds to the first list there
WATCH = """new MutationObserver((_, watcher) => {
  if (!document.querySelector(".card[data-item]")) return;
  window.firstList = performance.now();
  watcher.disconnect();
}).observe(document, {childList: true, subtree: true})"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("view", VIEWS)
async def test_a_view_is_accessible_fits_and_is_pictured(marquee: Running, view: str, scheme: str) -> None:
    async with tab(f"{marquee.url}/#/user/42", scheme=scheme, reduced_motion="reduce") as shown:
        page = shown.page
        await shown.settled()
        for name, size in (("small", SMALL), ("phone", PHONE), ("desk", DESK)):
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await page.goto(f"{marquee.url}/{VIEWS[view]}")
            await shown.settled()
            assert await shown.overflow() <= 0, name
            await shown.picture(f"{view}-{name}-{scheme}")
            assert not (found := await shown.complaints()), (name, found)


async def test_the_theme_can_be_chosen_and_stays(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/42", scheme="dark") as shown:
        page = shown.page
        await shown.settled()  # the button works once the modules are there
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        dark = await page.evaluate(ground)
        await page.get_by_role("button", name="Switch between dark and light").click()
        light = await page.evaluate(ground)
        assert light != dark
        await page.reload()
        assert await page.evaluate(ground) == light


async def test_every_control_of_the_first_screen_is_reached_by_keyboard(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/42") as shown:
        await shown.settled()
        page = shown.page
        await page.evaluate("document.activeElement.blur()")
        reached = []
        for _ in range(40):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
            )
        for wanted in ("Skip to the content", "Home", "Map", "Switch between dark and light", "See how this list was made"):
            assert any(wanted in one for one in reached), (wanted, reached)
        assert any(one.startswith("Rate: ") for one in reached)


async def test_the_first_list_is_there_within_a_second_on_a_mobile_network(marquee: Running) -> None:
    took = []
    for _ in range(5):
        async with tab("about:blank") as shown:
            page = shown.page
            session = await page.context.new_cdp_session(page)
            await session.send("Network.enable")
            await session.send(
                "Network.emulateNetworkConditions",
                {"offline": False, "latency": LATENCY, "downloadThroughput": BYTES, "uploadThroughput": BYTES},
            )
            await page.add_init_script(WATCH)
            await page.goto(f"{marquee.url}/#/user/42")
            await expect(page.locator(".card[data-item]").first).to_be_visible()
            took.append(await page.evaluate("window.firstList"))
    print(f"first list after {sorted(round(one) for one in took)} ms")
    assert min(took) < WITHIN  # the least of them: the machine has other work
    assert statistics.median(took) < 3 * WITHIN
