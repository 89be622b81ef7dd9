"""Downloads MovieLens from GroupLens: resumes interrupted downloads, and accepts only files with the right checksum."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from core.errors import DatasetError, DependencyUnavailable, InvalidInput, StorageFull
from datasets.movielens import ratings_member
from datasets.registry import FETCHABLE

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ATTEMPTS = 5  # consecutive attempts without progress
_CHUNK = 1 << 20
_MD5 = re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)


class _Broken(Exception):
    """The transfer ended early; the received part is kept."""


def check_name(name: str) -> None:
    """Raises InvalidInput for a set that GroupLens does not offer."""
    if name not in FETCHABLE:
        raise InvalidInput("NAME", name, f"one of {', '.join(FETCHABLE)}")


def download(name: str, folder: Path, base_url: str) -> Path:
    """Download `NAME.zip` into `folder` unless it exists; an interrupted download resumes where it stopped.

    Raises DependencyUnavailable with a remedy when the server cannot be used, and DatasetError when the checksum or the
    content is wrong.
    """
    check_name(name)
    target, part = folder / f"{name}.zip", folder / f"{name}.zip.part"
    if target.is_file():
        return target
    url = f"{base_url.rstrip('/')}/{name}.zip"
    with _reachable(name, url), httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as client, _writable(folder), _bar() as bar:
        expected = _published_checksum(client, f"{url}.md5")
        _transfer(client, url, part, bar, bar.add_task(f"{name}.zip", total=None))
    found = _md5(part)
    if found != expected:
        part.unlink()
        raise DatasetError(f"{name}.zip has the checksum {found}, not {expected} as published: fetch it again")
    return _accept(name, part, target)


def adopt(name: str, file: Path, folder: Path) -> Path:
    """Check a manually downloaded zip and copy it into `folder`; `FILE.md5` next to it is compared if it exists.

    Raises DatasetError for a zip that is damaged or is a different set.
    """
    check_name(name)
    if not file.is_file():
        raise DatasetError(f"{file} does not exist; download it from https://grouplens.org/datasets/movielens/ first")
    beside = file.with_name(f"{file.name}.md5")
    if beside.is_file() and _md5(file) not in map(str.lower, _MD5.findall(beside.read_text())):
        raise DatasetError(f"{file} does not have the checksum in {beside.name}: fetch it again")
    with _writable(folder):
        part = folder / f"{name}.zip.adopted"
        shutil.copyfile(file, part)
    return _accept(name, part, folder / f"{name}.zip")


def _accept(name: str, part: Path, target: Path) -> Path:
    """Rename a complete file to its final name, or remove it. Raises DatasetError."""
    try:
        found = _count_ratings(part)
        if found != FETCHABLE[name]:
            raise DatasetError(f"{name} has {FETCHABLE[name]:,} ratings, this file has {found:,}: it is another data set")
    except DatasetError:
        part.unlink()
        raise
    return part.replace(target)


def _count_ratings(path: Path) -> int:
    """The number of ratings in a MovieLens zip. Reading all of them also verifies the zip's own checksum. Raises DatasetError."""
    try:
        with zipfile.ZipFile(path) as archive, _bar() as bar:
            member = ratings_member(path)
            task = bar.add_task("checking", total=archive.getinfo(member).file_size)
            lines, last = 0, b"\n"
            with archive.open(member) as stream:
                while chunk := stream.read(_CHUNK):
                    lines, last = lines + chunk.count(b"\n"), chunk[-1:]
                    bar.advance(task, len(chunk))
    except (zipfile.BadZipFile, EOFError) as error:
        raise DatasetError(f"{path.name} is damaged ({error}): fetch it again") from error
    return lines + (last != b"\n") - member.endswith(".csv")


def _published_checksum(client: httpx.Client, url: str) -> str:
    answer = client.get(url)
    answer.raise_for_status()
    found = _MD5.search(answer.text)
    if found is None:
        raise DatasetError(f"{url} has no MD5 checksum in it")
    return found.group().lower()


def _transfer(client: httpx.Client, url: str, part: Path, bar: Progress, task: TaskID) -> None:
    """Fetch until the file is complete. A broken connection is resumed as long as each attempt makes progress."""
    attempts = 0
    while True:
        before = _size(part)
        try:
            _attempt(client, url, part, bar, task)
            return
        except _Broken as error:
            attempts = 0 if _size(part) > before else attempts + 1
            if attempts == _ATTEMPTS:
                raise error.__cause__ or error from None


def _attempt(client: httpx.Client, url: str, part: Path, bar: Progress, task: TaskID) -> None:
    have = _size(part)
    with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # there is nothing after our part: the checksum will tell whether it is the whole file
        answer.raise_for_status()
        resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
        have = have if resumed else 0  # a server without support for Range sends everything again
        length = answer.headers.get("Content-Length")
        bar.update(task, completed=have, total=have + int(length) if length else None)
        try:
            with part.open("ab" if resumed else "wb") as file:
                for chunk in answer.iter_raw():
                    file.write(chunk)
                    bar.advance(task, len(chunk))
        except httpx.TransportError as error:
            raise _Broken from error


@contextmanager
def _reachable(name: str, url: str) -> Iterator[None]:
    remedy = (
        f"run it again to go on where it stopped, or fetch {url} on another machine and give it with "
        f"`marquee data fetch {name} --from FILE`"
    )
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise DependencyUnavailable("GroupLens", f"{error.request.url} answered {error.response.status_code}", remedy) from error
    except httpx.TransportError as error:
        raise DependencyUnavailable("GroupLens", f"{url}: {error or type(error).__name__}", remedy) from error


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageFull("data sets", str(error), f"check the free space and the permissions of {folder}") from error


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
