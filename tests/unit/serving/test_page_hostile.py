"""The page where things go wrong, in a real browser: titles that nobody would write, a failing API, a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import polars as pl
import pytest
from browser import PHONE, Tab, tab
from playwright.async_api import Route, expect
from served import served
from synthetic import make_catalogue, make_snapshot

from core.catalogue import Catalogue

pytestmark = [pytest.mark.anyio, pytest.mark.service("chromium")]
SCRIPT = "<script>document.title='broken'</script><img src=x onerror=alert(1)>"
HOSTILE = [
    SCRIPT,
    "שלום עולם, ועוד הרבה מילים (1999)",
    "\u202emirrored by an override",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 6,
    "word " * 60,
    "👨‍👩‍👧‍👦🎬🏳️‍🌈 " * 20,
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    "",
    "   ",
    "'\"--; DROP TABLE items;",
    "{{constructor.constructor('alert(1)')()}}",
    "نهاية العالم, The (2001)",
]
NO_ROOM = """nodes => nodes.filter((node) => node.scrollWidth > node.clientWidth + 1
  && !["hidden", "clip", "auto"].includes(getComputedStyle(node).overflowX)).map((node) => node.outerHTML.slice(0, 200))"""


def hostile_world(build_world: Callable[..., Any], make_host: Callable[..., Any]) -> Any:
    """Every film of it has one of the titles; half of them have no genre and no year."""
    frame = make_catalogue().to_frame()
    titles = [HOSTILE[row % len(HOSTILE)] for row in range(len(frame))]
    bare = pl.int_range(len(frame)) % 2 == 1
    frame = frame.with_columns(
        title=pl.Series(titles),
        genres=pl.when(bare).then(pl.lit([], pl.List(pl.String))).otherwise(pl.lit(["<b>" + "x" * 70], pl.List(pl.String))),
        year=pl.when(bare).then(None).otherwise(pl.col("year")),
    )
    return build_world(host=make_host(make_snapshot(catalogue=Catalogue.from_frame(frame))))


@pytest.fixture
async def shown(
    build_world: Callable[..., Any], make_host: Callable[..., Any], free_port: Callable[[], int]
) -> AsyncIterator[Tab]:
    """The page of the hostile world, on a phone."""
    world = hostile_world(build_world, make_host)
    async with (
        served(world.app, free_port(), lifespan="off") as port,
        tab(f"http://127.0.0.1:{port}/#/user/7", size=PHONE, allowed="503") as shown,
    ):
        yield shown


async def test_hostile_titles_stay_text_and_inside_their_cards(shown: Tab) -> None:
    await shown.settled()
    page = shown.page
    for count in (24, 36, 48):
        await page.get_by_role("button", name="Show more").click()
        await expect(page.locator("main section").first.locator(".card[data-item]")).to_have_count(count)
    assert await page.title() != "broken"
    assert await page.locator("main script, main img[onerror]").count() == 0
    assert await page.locator(".card .name bdi").filter(has_text="<script>").count() > 0
    assert await page.locator(".card .name").filter(has_text="Film ").count() > 0  # those without a title go by their id
    assert await shown.overflow() <= 0
    assert await page.locator(".grid .card, .grid .card *").evaluate_all(NO_ROOM) == []
    await shown.picture("hostile-phone", whole=True)
    for row in range(len(HOSTILE)):
        await page.goto(f"{page.url.split('#')[0]}#/film/{(row + 1) * 10}")
        await shown.settled()
        assert await shown.overflow() <= 0
    assert await shown.complaints() == []


async def test_an_error_is_said_in_words_and_can_be_tried_again(shown: Tab) -> None:
    await shown.settled()
    page = shown.page
    problem = {"detail": "The feature store does not answer.", "status": 503, "title": "Unavailable"}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json=problem)

    await page.route("**/recommend/**", refuse)
    await page.goto(f"{page.url.split('#')[0]}#/user/8")
    failure = page.get_by_role("alert").first
    await expect(failure).to_contain_text("The feature store does not answer.")
    await page.unroute("**/recommend/**")
    await failure.get_by_role("button", name="Try again").click()
    await expect(page.locator("main section").first.locator(".card[data-item]").first).to_be_visible()


async def test_an_event_that_was_not_taken_leaves_the_card_as_it_was(shown: Tab) -> None:
    await shown.settled()
    page = shown.page

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, json={"detail": "Events cannot be stored now."})

    await page.route("**/events", refuse)
    first = page.locator(".card[data-item]").first
    await first.locator('[data-act="hide"]').click()
    await expect(page.locator("#notice")).to_contain_text("Events cannot be stored now.")
    await expect(first.locator('[data-act="hide"]')).to_be_visible()
    await expect(first).not_to_have_attribute("data-answered", "skip")


async def test_a_slow_api_shows_what_will_be_there(shown: Tab) -> None:
    await shown.settled()
    page = shown.page

    async def delay(route: Route) -> None:
        await asyncio.sleep(1.5)
        await route.continue_()

    await page.route("**/recommend/**", delay)
    await page.goto(f"{page.url.split('#')[0]}#/user/8")
    await expect(page.locator("main section").first.locator(".blank").first).to_be_visible()
    await expect(page.locator("main section").first.locator(".card[data-item]").first).to_be_visible()
