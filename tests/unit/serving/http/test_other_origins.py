"""Pages of other origins, and HTTPS."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from served import served

from serving.factory import create_app

pytestmark = pytest.mark.anyio
FILMS, OTHER = "https://films.example", "https://else.example"
WISH = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-Api-Key"}


async def preflight(app: Any, origin: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.options("/recommend/7", headers={"Origin": origin, **WISH})


async def test_no_other_origin_may_call_it(world: Any) -> None:
    answer = await preflight(world.app, FILMS)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_origins_of_the_settings_may(world: Any) -> None:
    app = create_app(world.app.state.api, origins=[FILMS])
    allowed, refused = await preflight(app, FILMS), await preflight(app, OTHER)
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, FILMS)
    assert "x-api-key" in allowed.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Origin" not in refused.headers
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/recommend/7", headers={"Origin": FILMS})
    assert answer.headers["Access-Control-Allow-Origin"] == FILMS
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


def certificate_in(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1))
    signed = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(
        key, hashes.SHA256()
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "cert.pem", folder / "key.pem"


async def test_over_https_it_asks_to_stay_there(world: Any, tmp_path: Path, free_port: Any) -> None:
    certificate, key = certificate_in(tmp_path)
    async with served(world.app, free_port(), ssl_certfile=certificate, ssl_keyfile=key) as port:
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with httpx.AsyncClient(verify=trusted, base_url=f"https://localhost:{port}") as client:
            answer = await client.get("/recommend/7?k=1")
        assert answer.status_code == 200
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_over_http_it_does_not(world: Any) -> None:
    async with world.client() as client:
        assert "Strict-Transport-Security" not in (await client.get("/recommend/7")).headers
