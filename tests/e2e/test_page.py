"""The page on the running demo, in a real browser: lists that answer what a person does."""

from __future__ import annotations

import re
import time

import pytest
from browser import DESK, PHONE, Tab, tab
from playwright.async_api import Locator, expect
from running import Running

pytestmark = [pytest.mark.anyio, pytest.mark.service("milvus"), pytest.mark.service("chromium"), pytest.mark.timeout(1200)]
PICKS = "main section.shelf:first-of-type"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def cards(shown: Tab) -> Locator:
    return shown.page.locator(f"{PICKS} .card[data-item]")


async def items(shown: Tab) -> list[str]:
    return list(await cards(shown).evaluate_all("nodes => nodes.map((node) => node.dataset.item)"))


async def test_a_list_with_titles_reasons_and_what_was_done_last(marquee: Running) -> None:
    newest = marquee.http.get("/users/42/history").json()["events"][0]["title"]
    async with tab(f"{marquee.url}/#/user/42") as shown:
        await shown.settled()
        await expect(shown.page.get_by_role("heading", name="For user 42")).to_be_visible()
        await expect(cards(shown)).to_have_count(12)
        await expect(shown.page.locator(".past")).to_contain_text(re.split(r" \(|, ", newest)[0])
        assert await shown.page.locator(f"{PICKS} .why").filter(has_text="Because").count() > 0
        text = await shown.page.locator("main").inner_text()
        assert not re.search(r", The \(\d{4}\)|, A \(\d{4}\)", text), "titles stand as people write them"
        assert not re.search(r"\b0\.\d{3}", text), "no raw scores"
        await shown.picture("home")


async def test_stars_change_the_list_within_a_second_and_nothing_slips_under_the_pointer(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/45") as shown:
        await shown.settled()
        page, before = shown.page, await items(shown)
        card = page.locator(f'{PICKS} .card[data-item="{before[2]}"]')
        await card.locator('[data-act="rate"]').click()
        stars = card.get_by_role("slider")
        box = await stars.locator(".stars").bounding_box()
        assert box
        start = time.perf_counter()
        await page.mouse.click(box["x"] + box["width"] * 0.87, box["y"] + box["height"] / 2)  # the left half of the fifth
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("4½ stars")
        took = time.perf_counter() - start
        spot = [box["x"] + box["width"] * 0.87, box["y"] + box["height"] / 2]
        under = "spot => document.elementFromPoint(...spot)?.closest('.card')?.dataset.item"
        assert await page.evaluate(under, spot) == before[2]
        after = await items(shown)
        assert after[2] == before[2]
        assert after != before
        assert await page.locator(f"{PICKS} .badge:visible").count() > 0
        await expect(card.get_by_role("img", name="4½ stars").first).to_be_visible()
        await shown.picture("home-after-stars")
        print(f"the list changed after {took * 1000:.0f} ms")
        rated = marquee.http.get("/users/45/history").json()["events"][0]
        assert (str(rated["item_id"]), rated["kind"], rated["value"]) == (before[2], "rating", 4.5)


async def test_stars_by_keyboard_keep_the_focus_and_can_be_changed(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/51") as shown:
        await shown.settled()
        page, first = shown.page, (await items(shown))[0]
        await page.locator(f'{PICKS} .card[data-item="{first}"] [data-act="rate"]').focus()
        for key in ("Enter", "End", "ArrowLeft", "Enter"):
            await page.keyboard.press(key)
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("4½ stars")
        focused = "document.activeElement.closest('.card')?.dataset.item"
        assert await page.evaluate(focused) == first
        await page.keyboard.press("Enter")  # the focus stands on Change
        for key in ("Home", "ArrowRight", "Enter"):
            await page.keyboard.press(key)
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("1 star")
        assert await page.evaluate(focused) == first
        assert marquee.http.get("/users/51/history").json()["events"][0]["value"] == 1.0


async def test_hide_watch_and_save(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/28") as shown:
        await shown.settled()
        page, (hidden, *_) = shown.page, await items(shown)
        await page.locator(f'{PICKS} [data-item="{hidden}"] [data-act="hide"]').click()
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("Hidden")
        watched = (await items(shown))[3]
        await page.locator(f'{PICKS} [data-item="{watched}"] [data-act="watch"]').click()
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("Watched")
        saved = (await items(shown))[6]
        keep = page.locator(f'{PICKS} [data-item="{saved}"]').get_by_role("button", name=re.compile("^Save"))
        await keep.click()  # under the pointer it keeps its place
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("Saved")
        await expect(keep).to_have_attribute("aria-pressed", "true")
        await keep.click()
        await expect(page.locator(f"{PICKS} .note")).to_contain_text("No longer saved")
        await expect(keep).to_have_attribute("aria-pressed", "false")
        kinds = [event["kind"] for event in marquee.http.get("/users/28/history").json()["events"][:4]]
        assert {"skip", "watch"} <= set(kinds)
        await page.reload()
        await shown.settled()
        assert not {hidden, watched} & set(await items(shown))


async def test_search_finds_a_film_by_its_first_letters_and_back_leads_back(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/user/42", size=PHONE) as shown:
        await shown.settled()
        page = shown.page
        box = page.get_by_role("combobox", name="Search")
        await box.press_sequentially("shawsh", delay=20)
        await expect(page.get_by_role("option").first).to_contain_text("The Shawshank Redemption")
        await shown.picture("search-phone")
        await box.press("ArrowDown")
        await box.press("Enter")
        await expect(page.get_by_role("heading", name="The Shawshank Redemption", level=1)).to_be_visible()
        await expect(page).to_have_url(re.compile(r"#/film/318$"))
        await expect(page.get_by_role("heading", name="Why it suits user 42")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("heading", name="For user 42")).to_be_visible()
        await box.fill("shawshenk redemtion")
        await box.press("Enter")
        await expect(page).to_have_url(re.compile(r"#/search\?q="))
        await shown.settled()
        await expect(page.locator("main .card").first).to_contain_text("The Shawshank Redemption")


async def test_a_new_user_says_what_they_like_and_gets_a_list(marquee: Running) -> None:
    async with tab(f"{marquee.url}/#/welcome", size=PHONE) as shown:
        await shown.settled()
        page = shown.page
        await shown.picture("welcome-phone")
        show = page.get_by_role("button", name="Show my list")
        await expect(show).to_be_disabled()
        for tile in (await page.locator("button.tile").all())[:3]:
            await tile.click()
        await page.get_by_role("button", name="Comedy", exact=True).click()
        await show.click()
        await expect(page.get_by_role("heading", name=re.compile("For user visitor-"))).to_be_visible()
        await shown.settled()
        await expect(page.locator(".hint")).to_contain_text("what you told us")
        await expect(cards(shown)).to_have_count(12)
        await shown.picture("first-list-phone")


async def test_the_first_visit_shows_somebody_who_did_something_lately(marquee: Running) -> None:
    async with tab(marquee.url, size=DESK) as shown:
        await shown.settled()
        await expect(shown.page.get_by_role("heading", name=re.compile("^For user"))).to_be_visible()
        users = marquee.http.get("/users?limit=5").json()["users"]
        latest = max(users, key=lambda user: marquee.http.get(f"/users/{user}/history?limit=1").json()["events"][0]["ts"])
        await expect(shown.page).to_have_url(re.compile(rf"#/user/{latest}$"))


async def test_swagger_renders_without_the_network(marquee: Running) -> None:
    async with tab(f"{marquee.url}/docs") as shown:
        await expect(shown.page.get_by_text("A list for a user", exact=True)).to_be_visible()
