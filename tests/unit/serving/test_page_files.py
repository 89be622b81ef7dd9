"""The files of the page, as they are served."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from serving import pages

pytestmark = pytest.mark.anyio
FILES = sorted(path for path in pages.UI.rglob("*") if path.is_file())
WEIGHT = 60_000  # bytes of everything that the first view loads, as it is sent


async def test_every_part_is_served_and_asked_for_again_each_time(world: Any) -> None:
    async with world.client() as client:
        for path in FILES:
            answer = await client.get(f"{pages.UI_URL}/{path.relative_to(pages.UI).as_posix()}")
            assert answer.content == path.read_bytes()
            assert answer.headers["cache-control"] == "no-cache"
            again = await client.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")


async def test_modules_and_styles_have_the_types_that_browsers_insist_on(world: Any) -> None:
    async with world.client() as client:
        for name, media_type in (("app.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")):
            answer = await client.get(f"{pages.UI_URL}/{name}", headers={"Accept-Encoding": "identity"})
            assert answer.headers["content-type"].startswith(media_type)
            assert "content-encoding" not in answer.headers


async def test_the_page_names_no_other_host_and_has_nothing_inline(world: Any) -> None:
    async with world.client() as client:
        page = await client.get("/")
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert "unsafe" not in page.headers["content-security-policy"]


async def test_the_modules_of_the_first_view_are_loaded_at_once(world: Any) -> None:
    async with world.client() as client:
        page = (await client.get("/")).text
    named = {path.relative_to(pages.UI).as_posix() for path in pages.modules_of(pages.UI / "app.js")}
    assert {"dom.js", "views/home.js", "parts/card.js"} <= named
    assert "views/map.js" not in named
    for name in named:
        assert f'<link rel="modulepreload" href="{pages.UI_URL}/{name}">' in page


def test_the_first_view_weighs_little() -> None:
    first = [pages.UI / name for name in ("index.html", "app.js", "early.js", "style.css", "icon.svg")]
    sent = sum(len(gzip.compress(path.read_bytes(), 6)) for path in [*first, *pages.modules_of(pages.UI / "app.js")])
    assert sent < WEIGHT


def test_modules_are_small_and_build_text_but_never_markup() -> None:
    for path in FILES:
        if path.suffix != ".js":
            continue
        source = path.read_text()
        assert source.count("\n") < 300, path
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in source, path
