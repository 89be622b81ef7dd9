"""The web page and Swagger, served from packaged files: a laptop without a network shows both.

Swagger UI comes from the Python package `fastapi-offline`, of which only the static files are used; where that is not
installed the page loads the same files from a CDN, and its content security policy says so.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from serving.page_files import PageFiles

UI = Path(__file__).with_name("ui").resolve()
UI_URL = "/static/ui"
SWAGGER_URL = "/static/swagger"
SWAGGER_CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"
SWAGGER_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")

_IMPORT = re.compile(r'^import [^"]*"(\.[^"]+)";', re.MULTILINE)

_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Marquee API</title>
<link rel="icon" href="{ui}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{swagger}/swagger-ui.css">
</head>
<body>
<div id="swagger"></div>
<noscript>This page needs JavaScript; the document itself is at /openapi.json.</noscript>
<script src="{swagger}/swagger-ui-bundle.js"></script>
<script src="{ui}/docs.js"></script>
</body>
</html>
"""


def install(app: FastAPI) -> None:
    """Mount the static files and the two pages."""
    swagger = swagger_folder()
    app.add_route(f"{UI_URL}/{{path:path}}", PageFiles(UI).answer, include_in_schema=False)
    shown = (UI / "index.html").read_text().replace("<!-- modules -->", _preloads())
    if swagger is not None:
        app.mount(SWAGGER_URL, StaticFiles(directory=swagger), name="swagger")

    async def page() -> Response:
        return HTMLResponse(shown, headers={"Cache-Control": "no-cache"})

    async def docs() -> Response:
        source = SWAGGER_URL if swagger else SWAGGER_CDN
        return HTMLResponse(_DOCS.format(ui=UI_URL, swagger=source), headers={"Content-Security-Policy": _policy(bool(swagger))})

    app.add_api_route("/", page, include_in_schema=False, response_model=None)
    app.add_api_route("/docs", docs, include_in_schema=False, response_model=None)


def modules_of(entry: Path) -> list[Path]:
    """The modules that this one imports, and those that they import; not those that are loaded on demand."""
    found: dict[Path, None] = {}
    waiting = [entry]
    while waiting:
        folder, text = waiting[0].parent, waiting.pop(0).read_text()
        fresh = [path for name in _IMPORT.findall(text) if (path := (folder / name).resolve()) not in found]
        found |= dict.fromkeys(fresh)
        waiting += fresh
    return list(found)


def _preloads() -> str:
    """Hints that let a browser load all modules of the first view at once, and not one after the other."""
    modules = modules_of(UI / "app.js")
    return "\n".join(f'<link rel="modulepreload" href="{UI_URL}/{module.relative_to(UI).as_posix()}">' for module in modules)


def swagger_folder() -> Path | None:
    """Where the packaged Swagger UI lies, without importing the package; None when it is not installed."""
    package = find_spec("fastapi_offline")
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(next(iter(package.submodule_search_locations))) / "static"
    return folder if all((folder / name).is_file() for name in SWAGGER_FILES) else None


def _policy(packaged: bool) -> str:
    """Swagger UI styles its elements inline and draws icons from data URLs."""
    host = "" if packaged else " https://cdn.jsdelivr.net"
    return (
        f"default-src 'self'; script-src 'self'{host}; style-src 'self' 'unsafe-inline'{host}; img-src 'self' data:; "
        "frame-ancestors 'none'"
    )
