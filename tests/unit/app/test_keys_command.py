"""`marquee keys`, as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import wiring
from app.cli import app
from app.console import settings
from app.ops.doctor import _access
from core.settings import Settings

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()
    return tmp_path


def test_a_key_is_printed_once_and_works(home: Path) -> None:
    made = runner.invoke(
        app, ["keys", "create", "shop", "--scope", "read", "--scope", "events", "--per-minute", "0", "--days", "30"]
    )
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    caller = wiring.keys(Settings(home=home)).find(secret)
    assert caller is not None
    assert "MARQUEE_ACCESS is open" in made.stderr
    listed = runner.invoke(app, ["keys", "list"])
    assert secret not in listed.stdout
    for said in ("shop", "read events", "no limit"):
        assert said in listed.stdout


def test_a_revoked_key_is_gone_and_a_dry_run_leaves_it(home: Path) -> None:
    secret = runner.invoke(app, ["keys", "create", "shop", "--scope", "read"]).stdout.strip()
    keys = wiring.keys(Settings(home=home))
    assert "can be revoked" in runner.invoke(app, ["keys", "revoke", "shop", "--dry-run"]).stdout
    assert keys.find(secret) is not None
    assert "is revoked" in runner.invoke(app, ["keys", "revoke", "shop"]).stdout
    assert keys.find(secret) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "shop"],
        ["create", "shop", "--scope", "write"],
        ["create", "shop", "--scope", "read", "--per-minute", "-1"],
        ["create", "shop", "--scope", "read", "--days", "0"],
    ],
    ids=" ".join,
)
def test_wrong_input_makes_no_key(home: Path, arguments: list[str]) -> None:
    assert runner.invoke(app, ["keys", *arguments]).exit_code == 2
    assert not (home / "access" / "keys.json").exists()


@pytest.mark.parametrize("missing", ["jwt_issuer", "jwt_audience"])
def test_tokens_of_anybody_are_refused_at_the_start(home: Path, missing: str) -> None:
    wanted = {"jwt_keys": "jwks.json", "jwt_issuer": "issuer", "jwt_audience": "marquee"}
    wanted.pop(missing)
    with pytest.raises(Exception, match="MARQUEE_JWT_ISSUER and MARQUEE_JWT_AUDIENCE"):
        wiring.access(Settings(home=home, **wanted))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "ok", "said"),
    [
        ({}, True, "open to this machine"),
        ({"api_host": "0.0.0.0"}, False, "open to everybody who reaches 0.0.0.0:8000"),
        ({"api_host": "0.0.0.0", "access": "keys"}, False, "0 keys"),
        ({"api_host": "0.0.0.0", "access": "keys", "admin_key": "secret"}, True, "0 keys"),
    ],
)
def test_the_doctor_says_who_gets_in(home: Path, setting: dict[str, str], ok: bool, said: str) -> None:
    found = _access(Settings(home=home, **setting))  # type: ignore[arg-type]
    assert found.ok == ok
    assert said in found.detail
