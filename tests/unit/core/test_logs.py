"""Logs as JSON lines."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from core.logs import REQUEST_ID, JsonLines


def line(**changes: object) -> dict[str, str]:
    record = logging.makeLogRecord(
        {"name": "serving", "levelname": "INFO", "msg": "%s is down", "args": ("Milvus\n",), **changes}
    )
    text = JsonLines().format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def test_a_message_is_one_object_with_its_arguments() -> None:
    found = line(created=0.25)
    assert found == {"time": "1970-01-01T00:00:00.250+00:00", "level": "INFO", "logger": "serving", "message": "Milvus\n is down"}


def test_it_has_the_id_of_the_request_and_the_trace_of_an_error() -> None:
    current = REQUEST_ID.set("ab12")
    try:
        raise ValueError("broken")
    except ValueError:
        found = line(exc_info=sys.exc_info())
    finally:
        REQUEST_ID.reset(current)
    assert found["request_id"] == "ab12"
    assert found["exception"].endswith("ValueError: broken")


def test_one_setting_makes_a_process_write_it() -> None:
    code = "import logging; from app import wiring; from core.settings import Settings; wiring.observed(Settings(), 'api');"
    run = [sys.executable, "-c", code + "logging.getLogger('x').warning('hello')"]
    done = subprocess.run(
        run, env={"MARQUEE_LOG_FORMAT": "json", "PYTHONPATH": ":".join(sys.path)}, capture_output=True, check=True
    )
    assert json.loads(done.stderr)["message"] == "hello"
