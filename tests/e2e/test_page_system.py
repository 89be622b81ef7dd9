"""What the page shows of the system: the pipeline behind a list, the map, and the operator's view with and without a key."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from browser import PHONE, tab
from playwright.async_api import expect
from running import Running

pytestmark = [pytest.mark.anyio, pytest.mark.service("milvus"), pytest.mark.service("chromium"), pytest.mark.timeout(1200)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def key(marquee: Running) -> str:
    """An admin key of the running demo."""
    command = [sys.executable, "-m", "app", "keys", "create", "page-tests", "--scope", "admin"]
    made = subprocess.run(command, env=marquee.env, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"mq_\S+", made.stdout)
    assert found, made.stdout + made.stderr
    return found.group()


async def test_behind_a_list_stand_its_stages_and_where_each_place_came_from(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/42") as shown:
        await shown.settled()
        page = shown.page
        await page.get_by_role("link", name="See how this list was made").click()
        picture = page.get_by_role("img", name=re.compile(r"^From [\d,]+ films? to 12 in \d+ milliseconds"))
        await expect(picture).to_be_visible()
        for text in ("Not seen yet", "Near this taste (two towers)", "Popular now", "The page"):
            await expect(picture.get_by_text(text, exact=True).first).to_be_visible()
        places = page.get_by_role("region", name="The places of the list").locator("tbody tr")
        await expect(places).to_have_count(12)
        await expect(places.first).to_contain_text("two tower")
        release = marquee.http.get("/version").json()["release"]
        await expect(page.locator(".facts-list")).to_contain_text(release)
        await expect(page.get_by_text("needs an admin key")).to_be_visible()
        await shown.picture("behind")


async def test_behind_a_list_on_a_phone(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/42/behind", size=PHONE) as shown:
        await expect(shown.page.locator("svg.pipeline")).to_be_visible()
        assert await shown.overflow() <= 0
        await shown.picture("behind-phone")


async def test_the_map_zooms_names_what_is_pointed_at_and_leads_to_it(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/map") as shown:
        page = shown.page
        await page.goto(f"{marquee.url}/#/user/42")
        await shown.settled()
        await page.get_by_role("link", name="Map", exact=True).click()
        canvas = page.locator("canvas")
        await expect(canvas).to_be_visible()
        await expect(page.get_by_role("heading", name="Around user 42")).to_be_visible()
        await expect(page.locator(".near .chip")).to_have_count(10)
        await shown.picture("map")
        await page.get_by_role("button", name="Show where the user is").click()
        await page.wait_for_timeout(900)
        box = await canvas.bounding_box()
        assert box
        for step in range(120):  # until something lies under the pointer
            angle, radius = step * 0.7, 12 + step * 1.5
            x, y = (
                box["x"] + box["width"] / 2 + radius * (angle % 3 - 1.5),
                box["y"] + box["height"] / 2 + radius * (angle % 2 - 1),
            )
            await page.mouse.move(x, y)
            await page.wait_for_timeout(30)
            if await page.evaluate("getComputedStyle(document.querySelector('canvas')).cursor") == "pointer":
                break
        await expect(page.locator(".map-tip")).to_be_visible()
        await shown.picture("map-near")
        await page.mouse.down()
        await page.mouse.up()
        await expect(page).to_have_url(re.compile("#/film/"))


async def test_without_a_key_the_operator_sees_health_and_what_needs_one(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/operate", allowed="401") as shown:
        page = shown.page
        await expect(page.locator(".check")).not_to_have_count(0)
        await expect(page.get_by_text("Feature store")).to_be_visible()
        await expect(page.get_by_role("heading", name="The rest needs an admin key")).to_be_visible()
        await page.get_by_role("button", name="Enter a key").click()
        await expect(page.get_by_role("dialog", name="A key, please")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog", name="A key, please")).to_be_hidden()
        await shown.picture("operate-no-key")


async def test_with_a_key_the_operator_sees_releases_experiments_and_decisions(marquee: Running, key: str) -> None:
    async with tab(f"{marquee.url}/#/operate", allowed="401") as shown:
        page = shown.page
        await page.get_by_role("button", name="Enter a key").click()
        await page.get_by_label("API key, admin key or token").fill(key)
        await page.get_by_role("button", name="Use it").click()
        for title in ("In the background", "Acceptance", "Releases", "Experiments", "The watchdog's decisions"):
            await expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        await shown.settled()
        release = marquee.http.get("/version").json()["release"]
        await expect(page.get_by_role("region", name="Releases")).to_contain_text(release)
        await expect(page.get_by_role("region", name="Experiments")).to_contain_text("exploration")
        await expect(page.locator("svg.chart")).to_be_visible()
        await shown.picture("operate", whole=True)
        await page.get_by_role("button", name="Roll back", exact=True).click()
        dialog = page.get_by_role("dialog", name="Roll back?")
        await expect(dialog.get_by_label("Why")).to_be_focused()
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(dialog).to_have_count(0)
        assert await shown.complaints() == []


async def test_an_experiment_is_started_and_stopped_with_a_reason(marquee: Running, key: str) -> None:
    async with tab(f"{marquee.url}/#/operate", allowed="401") as shown:
        page = shown.page
        await page.get_by_role("button", name="Enter a key").click()
        await page.get_by_label("API key, admin key or token").fill(key)
        await page.get_by_role("button", name="Use it").click()
        row = page.get_by_role("region", name="Experiments").get_by_role("row").filter(has_text="exploration")
        for verb, state in (("Start", "running"), ("Stop", "stopped")):
            await row.get_by_role("button", name=verb).click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label("Why").fill("a test of the page")
            await dialog.get_by_role("button", name=verb).click()
            await expect(row).to_contain_text(state)
