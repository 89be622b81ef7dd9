"""A generator makes a client from the OpenAPI document, and that client asks a real server; and the example of the docs runs."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from client_generator import generator

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def url(build_world: Any, free_port: Callable[[], int]) -> Iterator[str]:
    world, port = build_world(), free_port()
    server = uvicorn.Server(uvicorn.Config(world.app, "127.0.0.1", port, log_config=None))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    running.join()


@pytest.fixture(scope="module")
def generated(build_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the client that was made."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(build_world().app.openapi()))
    command = [str(generator()), "generate", "--path", "openapi.json", "--output-path", "made_client", "--meta", "none"]
    ours = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # it formats what it makes with ruff
    done = subprocess.run(command, cwd=folder, env=os.environ | ours, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    warnings = re.findall(r"WARNING.*", done.stdout + done.stderr)
    assert warnings == [], "it could not understand a part of the document"
    sys.path.insert(0, str(folder))
    yield importlib.import_module("made_client")
    sys.path.remove(str(folder))


@pytest.mark.service("generator")
def test_a_generated_client_asks_a_real_server(url: str, generated: Any) -> None:
    def operation(name: str) -> Any:
        return importlib.import_module(f"made_client.api.{name}")

    models = importlib.import_module("made_client.models")
    with generated.Client(base_url=url) as client:
        found = operation("lists.recommend").sync(7, client=client, k=3, genre=["Drama"])
        assert type(found).__name__ == "RecommendationList"
        assert len(found.recommendations) == 3
        compact = operation("lists.recommend").sync(7, client=client, k=3, format_=models.RecommendFormat.IDS)
        assert type(compact).__name__ == "CompactList"
        shown = found.recommendations[0].item_id
        event = models.Interaction(user_id=7, item_id=shown, kind=models.Kind.CLICK, request_id=found.request_id)
        assert operation("events.post_events").sync(client=client, body=event).accepted == 1
        assert operation("catalogue.domain").sync(client=client).words.item == "film"
        assert operation("users.history").sync(7, client=client).known is True
        problem = operation("catalogue.item").sync("no such thing", client=client)
        assert (type(problem).__name__, problem.status) == ("Problem", 404)


def test_the_example_of_the_docs_runs(url: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    said = []
    for at, block in enumerate(blocks):
        script = tmp_path / f"example{at}.py"
        script.write_text(block.replace("http://127.0.0.1:8000", url))
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "1 accepted" in said[0]
    assert "404 not-found" in said[0]
    assert "k allowed: an integer from 1 to 100" in said[0]
    assert "[3, 3, 3]" in said[1]
