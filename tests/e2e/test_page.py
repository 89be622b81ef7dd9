"""The page as a browser shows it: headless Chromium on the running demo."""

from __future__ import annotations

import html
import re
import subprocess
from pathlib import Path

import pytest
from running import Running

pytestmark = [pytest.mark.service("milvus"), pytest.mark.service("chromium"), pytest.mark.timeout(1200)]
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


def dom(url: str, profile: Path) -> str:
    """The document after its scripts ran."""
    command = ["chromium", *QUIET.split(), f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--dump-dom", url]
    return html.unescape(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)


def test_the_page_shows_a_list_with_titles_and_a_history(marquee: Running, tmp_path: Path) -> None:
    shown = dom(f"{marquee.url}/#42", tmp_path)
    history = marquee.http.get("/users/42/history").json()["events"]
    newest = re.split(r" \(|, ", history[0]["title"])[0]  # the page reads "Shawshank Redemption, The (1994)" as people say it
    assert "For user 42" in shown
    assert "Personal" in shown
    assert newest in shown
    assert marquee.http.get("/version").json()["release"] in shown


def test_swagger_renders_without_the_network(marquee: Running, tmp_path: Path) -> None:
    shown = dom(f"{marquee.url}/docs", tmp_path)
    assert "/recommend/{user_id}" in shown.replace("\u200b", "")
    assert "A list for a user" in shown
