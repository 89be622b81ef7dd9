"""Fetching MovieLens from a real HTTP server on loopback, with everything that a network does."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import DatasetError, DependencyUnavailable, InvalidInput, StorageFull
from datasets import fetch as fetching
from datasets.registry import read_any

NAME = "ml-100k"


@cache
def whole(ratings: int = 100_000) -> bytes:
    """A zip in the layout of ml-100k, stored without compression so that a cut is somewhere in the ratings."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ml-100k/u.data", "".join(f"{u % 900 + 1}\t1\t3\t{u}\n" for u in range(ratings)))
        archive.writestr("ml-100k/u.item", "1|Heat (1995)|01-Jan-1995||http://x|0|1\n")
        archive.writestr("ml-100k/u.genre", "unknown|0\nCrime|1\n")
        archive.writestr("ml-100k/u.user", "".join(f"{u}|30|F|writer|0\n" for u in range(1, 901)))
    return buffer.getvalue()


class Mirror(ThreadingHTTPServer):
    """Serves one zip and its checksum. `cuts`: after how many bytes each next transfer breaks off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = whole()
        self.checksum = f"MD5 ({NAME}.zip) = {hashlib.md5(self.body).hexdigest()}\n"
        self.cuts: list[int] = []
        self.knows_range = True
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/movielens"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(f"{self.path.rsplit('/', 1)[1]} {wanted}".strip())
        if self.path == f"/movielens/{NAME}.zip.md5":
            self._send(200, self.server.checksum.encode())
        elif self.path == f"/movielens/{NAME}.zip":
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.knows_range else 0
            if wanted and start >= len(self.server.body):
                self._send(416, b"")
            else:
                self._send(
                    206 if start else 200, self.server.body[start:], cut=self.server.cuts.pop(0) if self.server.cuts else None
                )
        else:
            self._send(404, b"no such file")

    def _send(self, status: int, body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_set_is_fetched_once_and_then_found_by_its_name(mirror: Mirror, tmp_path: Path) -> None:
    path = fetching.download(NAME, tmp_path / "new", mirror.url)
    assert path.read_bytes() == mirror.body
    assert fetching.download(NAME, tmp_path / "new", mirror.url) == path
    assert mirror.asked == [f"{NAME}.zip.md5", f"{NAME}.zip"]
    assert read_any(NAME, tmp_path / "new").report.kept == 100_000
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cuts = [100_000, 50_000]
    assert fetching.download(NAME, tmp_path, mirror.url).read_bytes() == mirror.body
    assert mirror.asked[2:] == [f"{NAME}.zip bytes=100000-", f"{NAME}.zip bytes=150000-"]


def test_a_later_run_goes_on_with_what_an_interrupted_one_left(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.zip.part").write_bytes(mirror.body[:70_000])
    assert fetching.download(NAME, tmp_path, mirror.url).read_bytes() == mirror.body
    assert mirror.asked[1:] == [f"{NAME}.zip bytes=70000-"]


def test_a_part_that_was_whole_already_is_only_checked(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.zip.part").write_bytes(mirror.body)
    assert fetching.download(NAME, tmp_path, mirror.url).read_bytes() == mirror.body


def test_a_server_that_does_not_know_range_sends_everything_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.knows_range = False
    mirror.cuts = [100_000]
    assert fetching.download(NAME, tmp_path, mirror.url).read_bytes() == mirror.body


def test_a_line_that_never_brings_more_is_given_up_and_what_came_is_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cuts = [100_000] + [0] * 20
    with pytest.raises(
        DependencyUnavailable, match=r"run it again to go on where it stopped.*marquee data fetch ml-100k --from FILE"
    ):
        fetching.download(NAME, tmp_path, mirror.url)
    assert (tmp_path / f"{NAME}.zip.part").stat().st_size == 100_000


def test_a_wrong_checksum_is_not_believed_and_nothing_is_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.checksum = "0" * 32
    with pytest.raises(DatasetError, match=r"has the checksum [0-9a-f]{32}, not 0{32} as published"):
        fetching.download(NAME, tmp_path, mirror.url)
    assert list(tmp_path.iterdir()) == []


def test_a_checksum_file_without_a_checksum_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.checksum = "<html>sign in</html>"
    with pytest.raises(DatasetError, match="has no MD5 checksum in it"):
        fetching.download(NAME, tmp_path, mirror.url)


def test_a_file_that_is_gone_names_the_address(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable, match=r"ml-1m\.zip\.md5 answered 404"):
        fetching.download("ml-1m", tmp_path, mirror.url)


def test_without_network_the_remedy_is_named(tmp_path: Path) -> None:
    with Mirror() as closed:
        url = closed.url
    with pytest.raises(DependencyUnavailable, match=r"GroupLens is unavailable: .*ml-100k\.zip.*--from FILE"):
        fetching.download(NAME, tmp_path, url)


def test_a_folder_that_cannot_be_written(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFull, match="check the free space and the permissions"):
        fetching.download(NAME, tmp_path / "file", mirror.url)


def test_an_unknown_set_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"NAME is 'ml-2m'; allowed: one of ml-100k, ml-1m, ml-10m"):
        fetching.download("ml-2m", tmp_path, "http://127.0.0.1:9")


def test_a_zip_fetched_by_hand_is_checked_and_stored(tmp_path: Path) -> None:
    (tmp_path / "Download (1).zip").write_bytes(whole())
    (tmp_path / "Download (1).zip.md5").write_text(f"{hashlib.md5(whole()).hexdigest()}  {NAME}.zip")
    path = fetching.adopt(NAME, tmp_path / "Download (1).zip", tmp_path / "sets")
    assert path.read_bytes() == whole()
    assert read_any(NAME, tmp_path / "sets").name == NAME


@pytest.mark.parametrize(
    ("name", "body", "md5", "message"),
    [
        (NAME, whole()[:500_000], None, "is damaged"),
        (NAME, whole()[:500_000] + b"X" + whole()[500_001:], None, "is damaged"),
        ("ml-20m", whole(), None, "ml-20m has 20,000,263 ratings, this file has 100,000: it is another data set"),
        (NAME, whole(), "0" * 32, "does not have the checksum in x.zip.md5"),
        (NAME, None, None, r"x\.zip does not exist"),
    ],
    ids=["truncated", "flipped", "another set", "checksum", "nowhere"],
)
def test_a_zip_that_is_not_the_set_is_refused(
    tmp_path: Path, name: str, body: bytes | None, md5: str | None, message: str
) -> None:
    if body is not None:
        (tmp_path / "x.zip").write_bytes(body)
    if md5:
        (tmp_path / "x.zip.md5").write_text(md5)
    with pytest.raises(DatasetError, match=message):
        fetching.adopt(name, tmp_path / "x.zip", tmp_path / "sets")
    assert not list(tmp_path.glob("sets/*"))
