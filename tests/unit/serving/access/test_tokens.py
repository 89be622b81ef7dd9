"""Users' tokens: what is believed, what is not, and what happens while the provider of the keys is away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from core.errors import DependencyUnavailable
from serving.access.refusals import Unauthorized
from serving.access.tokens import TokenConfig, Tokens

pytestmark = pytest.mark.anyio
DAY = 86_400.0  # tokens are made when tests are collected, and may be used half an hour later
ISSUER, AUDIENCE = "https://login.films.example", "marquee"
RSA, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
CURVE = ec.generate_private_key(ec.SECP256R1())


def jwks(**keys: Any) -> dict[str, Any]:
    found = []
    for name, key in keys.items():
        algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        found.append(json.loads(algorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig"})
    return {"keys": found}


def token(key: Any = RSA, kid: str = "one", algorithm: str = "RS256", **claims: Any) -> str:
    usual = {"sub": "42", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + DAY}
    kept = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": kid})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks(one=RSA, two=CURVE)))
    return path


def tokens(keys: object, **changes: Any) -> Tokens:
    return Tokens(TokenConfig(str(keys), ISSUER, AUDIENCE, **changes))


@pytest.mark.parametrize(
    ("sent", "user"),
    [
        (token(), 42),
        (token(sub="anna@example.com"), "anna@example.com"),
        (token(CURVE, "two", "ES256"), 42),
        (token(aud=["shop", AUDIENCE]), 42),
    ],
)
async def test_a_token_is_for_its_user(file: Path, sent: str, user: object) -> None:
    caller = await tokens(file).caller(sent)
    assert caller.user == user
    assert not caller.may_touch(7)
    assert caller.may_touch(42) == (user == 42)


async def test_two_clocks_may_differ(file: Path) -> None:
    assert (await tokens(file).caller(token(exp=time.time() - 5))).user == 42


async def test_the_claim_that_names_the_user_is_a_setting(file: Path) -> None:
    caller = await tokens(file, user_claim="film_user").caller(token(film_user="77"))
    assert caller.user == 77


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "nonsense",
        "a.b.c",
        token()[:-4] + "AAAA",
        token(OTHER),
        token(kid="three"),
        token(kid="two"),
        token(exp=time.time() - 60),
        token(exp=None),
        token(sub=None),
        token(sub=""),
        token(sub="x" * 129),
        token(iss="https://login.else.example"),
        token(aud="else"),
        token(aud=None),
        token(nbf=time.time() + DAY),
        jwt.encode({"sub": "42", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + DAY}, None, "none", headers={"kid": "one"}),
        jwt.encode(
            {"sub": "42", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + DAY}, "s" * 64, "HS256", headers={"kid": "one"}
        ),
    ],
    ids=range(18),
)
async def test_nothing_else_is_believed(file: Path, sent: str) -> None:
    with pytest.raises(Unauthorized, match="the token is not accepted"):
        await tokens(file).caller(sent)


class Provider(HTTPServer):
    """Serves a key set, counts how often, and can be told to fail."""

    served: dict[str, Any]
    looks = 0
    broken = False


class _Answer(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.looks += 1
        body = b"not JSON" if self.server.broken else json.dumps(self.server.served).encode()
        self.send_response(500 if self.server.broken else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(("127.0.0.1", 0), _Answer) as server:
        server.served = jwks(one=RSA)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_keys_are_read_once_and_again_when_they_rotate(provider: Provider) -> None:
    clock = Clock()
    known = Tokens(TokenConfig(f"http://127.0.0.1:{provider.server_port}/", ISSUER, AUDIENCE), clock)
    for _ in range(3):
        await known.caller(token())
    assert provider.looks == 1
    provider.served = jwks(two=CURVE)
    for _ in range(5):  # however many tokens name a key that is not known, the provider is asked once in ten seconds
        with pytest.raises(Unauthorized):
            await known.caller(token(CURVE, "two", "ES256"))
    assert provider.looks == 1
    clock.now += 11
    assert (await known.caller(token(CURVE, "two", "ES256"))).user == 42
    with pytest.raises(Unauthorized):
        await known.caller(token())
    assert provider.looks == 2


async def test_the_last_keys_hold_while_the_provider_is_away(provider: Provider) -> None:
    clock = Clock()
    known = Tokens(TokenConfig(f"http://127.0.0.1:{provider.server_port}/", ISSUER, AUDIENCE), clock)
    await known.caller(token())
    provider.broken = True
    clock.now += 301
    assert (await known.caller(token())).user == 42
    assert provider.looks == 2


async def test_without_keys_nobody_is_refused_for_good(provider: Provider) -> None:
    clock = Clock()
    provider.broken = True
    known = Tokens(TokenConfig(f"http://127.0.0.1:{provider.server_port}/", ISSUER, AUDIENCE), clock)
    for _ in range(3):
        with pytest.raises(DependencyUnavailable, match="MARQUEE_JWT_KEYS"):
            await known.caller(token())
    assert provider.looks == 1
    provider.broken = False
    clock.now += 11
    assert (await known.caller(token())).user == 42
