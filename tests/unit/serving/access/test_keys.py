"""API keys: the file has hashes alone, and is read again whenever it changed."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import InvalidInput, NotFound
from serving.access.callers import Scope
from serving.access.keys import KeyFile, KeysUnreadable

DAY = 86_400.0


class At:
    """A clock that stands where it is put."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access" / "keys.json"


def test_a_key_is_found_by_its_secret_alone(path: Path) -> None:
    keys = KeyFile(path)
    secret = keys.create("shop", [Scope.READ, Scope.EVENTS], per_minute=50)
    caller = keys.find(secret)
    assert caller is not None
    assert (caller.name, caller.per_minute, caller.user) == ("key shop", 50, None)
    assert (caller.may(Scope.READ), caller.may(Scope.EVENTS), caller.may(Scope.ADMIN)) == (True, True, False)
    assert [keys.find(wrong) for wrong in (secret[:-1], secret + "x", "", "shop", keys.all()[0].sha256)] == [None] * 5


def test_admin_includes_the_other_scopes(path: Path) -> None:
    keys = KeyFile(path)
    caller = keys.find(keys.create("ops", [Scope.ADMIN]))
    assert caller is not None
    assert all(caller.may(scope) for scope in Scope)


def test_the_file_has_no_secret_and_nobody_else_reads_it(path: Path) -> None:
    secret = KeyFile(path).create("shop", [Scope.READ])
    assert secret.removeprefix("mq_") not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_process_knows_a_new_key_and_forgets_a_revoked_one(path: Path) -> None:
    here, there = KeyFile(path), KeyFile(path)
    assert there.all() == []
    secret = here.create("shop", [Scope.READ])
    assert there.find(secret) is not None
    here.revoke("shop", dry_run=True)
    assert there.find(secret) is not None
    here.revoke("shop")
    assert there.find(secret) is None


def test_a_key_expires(path: Path) -> None:
    clock = At(1_790_000_000.0)
    keys = KeyFile(path, clock)
    secret = keys.create("trial", [Scope.READ], days=2)
    clock.now += 2 * DAY - 1
    assert keys.find(secret) is not None
    clock.now += 1
    assert keys.find(secret) is None
    assert [key.name for key in keys.all()] == ["trial"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "-x"])
def test_a_name_that_is_none_is_refused(path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        KeyFile(path).create(name, [Scope.READ])


def test_a_name_is_given_once_and_an_unknown_one_is_not_revoked(path: Path) -> None:
    keys = KeyFile(path)
    keys.create("shop", [Scope.READ])
    with pytest.raises(InvalidInput, match="marquee keys revoke"):
        keys.create("shop", [Scope.ADMIN])
    with pytest.raises(NotFound, match="marquee keys list"):
        keys.revoke("stop")
    assert [key.name for key in keys.all()] == ["shop"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[{"name": "x"}]', b"\xff"])
def test_a_file_that_has_no_keys_lets_nobody_in_and_says_so(path: Path, content: bytes) -> None:
    keys = KeyFile(path)
    secret = keys.create("shop", [Scope.READ])
    path.write_bytes(content)
    with pytest.raises(KeysUnreadable, match=r"keys\.json"):
        keys.find(secret)


def test_keys_that_are_made_at_once_are_all_kept(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        secrets = list(threads.map(lambda number: KeyFile(path).create(f"k{number}", [Scope.READ]), range(24)))
    assert all(KeyFile(path).find(secret) for secret in secrets)
