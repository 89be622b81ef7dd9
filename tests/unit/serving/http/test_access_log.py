"""The access log: a line for each request where it is asked for, as text or JSON, with the request's id and without users'."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from core.logs import ACCESS_LOG, JsonLines

pytestmark = pytest.mark.anyio


async def test_each_request_is_a_line_with_its_id_and_no_users_id(world, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, ACCESS_LOG)
    async with world.client() as client:
        listed = await client.get("/recommend/4242?k=3")
        missing = await client.get("/nowhere/4242")
    first, second = (json.loads(JsonLines().format(one)) for one in caplog.records if one.name == ACCESS_LOG)
    assert first["request_id"] == listed.headers["x-request-id"]
    assert (first["method"], first["route"], first["status"]) == ("GET", "/recommend/{user_id}", 200)
    assert 0 <= first["milliseconds"] < 60_000
    assert (second["request_id"], second["status"]) == (missing.headers["x-request-id"], 404)
    assert "4242" not in json.dumps([first, second])
    text = next(one for one in caplog.records if one.name == ACCESS_LOG).getMessage()
    assert text.startswith("GET /recommend/{user_id} 200 ")
    assert listed.headers["x-request-id"] in text


async def test_it_is_silent_where_nobody_asked_for_it(world, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, ACCESS_LOG)
    async with world.client() as client:
        await client.get("/recommend/7?k=3")
    assert [one for one in caplog.records if one.name == ACCESS_LOG] == []


@pytest.mark.parametrize(
    ("environment", "written"),
    [
        ({}, ["a warning", "some news"]),
        ({"MARQUEE_LOG_LEVEL": "warning"}, ["a warning"]),
        ({"MARQUEE_LOG_LEVEL": "warning", "MARQUEE_ACCESS_LOG": "true"}, ["a request", "a warning"]),
    ],
)
def test_level_and_access_log_are_settings(environment: dict[str, str], written: list[str]) -> None:
    code = (
        "import logging; from app import wiring; from core.settings import Settings; wiring.observed(Settings(), 'api');"
        "logging.getLogger('serving.access_log').info('a request'); logging.getLogger('x').warning('a warning');"
        "logging.getLogger('x').info('some news'); logging.getLogger('x').debug('a detail')"
    )
    env = {"MARQUEE_LOG_FORMAT": "json", "PYTHONPATH": ":".join(sys.path), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert sorted(json.loads(line)["message"] for line in done.stderr.splitlines()) == written
