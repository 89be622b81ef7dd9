"""One at a time: file locks that the kernel releases, however a process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import AlreadyRunning, StorageFull


@contextmanager
def sole_owner(home: Path) -> Iterator[None]:
    """Holds the home folder: a second supervisor there would fight over ports and files. Raises AlreadyRunning."""
    with _locked(
        home / "run" / "up.lock",
        f"marquee is already up in {home} (process {{}}); stop it with Ctrl-C there, "
        "or give this one its own folder and ports: MARQUEE_HOME=other MARQUEE_API_PORT=8001 marquee up",
    ):
        yield


@contextmanager
def sole_builder(home: Path) -> Iterator[None]:
    """Holds the training folder: two builds would write each other's checkpoints. Raises AlreadyRunning."""
    with _locked(home / "train" / "build.lock", f"a release is being built in {home} already (process {{}}); wait for it"):
        yield


@contextmanager
def sole_tuner(home: Path) -> Iterator[None]:
    """Holds the tuning folder: a trial that another process runs would look interrupted. Raises AlreadyRunning."""
    with _locked(home / "tuning" / "tune.lock", f"`marquee tune` runs in {home} already (process {{}}); wait for it"):
        yield


@contextmanager
def sole_learner(home: Path) -> Iterator[None]:
    """Holds the right to learn online: two learners would overwrite each other's vectors. Raises AlreadyRunning."""
    with _locked(home / "run" / "learn.lock", f"another consumer in {home} learns (process {{}})"):
        yield


@contextmanager
def sole_bandit(home: Path) -> Iterator[None]:
    """Holds the right to learn the contextual bandit's posterior. Raises AlreadyRunning."""
    with _locked(home / "run" / "bandit.lock", f"another consumer in {home} learns the bandit (process {{}})"):
        yield


@contextmanager
def sole_publisher(home: Path) -> Iterator[None]:
    """Holds the right to publish embeddings: several API processes load a new release at the same time. Raises AlreadyRunning."""
    with _locked(home / "run" / "publish.lock", f"another process in {home} publishes embeddings (process {{}})"):
        yield


@contextmanager
def attending(home: Path) -> Iterator[None]:
    """Marks that a watchdog runs, which takes up requests for a retraining; several may."""
    with _locked(home / "run" / "attend.lock", "process {} looks whether a watchdog runs", shared=True):
        yield


def is_attended(home: Path) -> bool:
    """Whether a watchdog runs."""
    try:
        with _locked(home / "run" / "attend.lock", "a watchdog runs (process {})"):
            return False
    except AlreadyRunning:
        return True


@contextmanager
def consuming(home: Path) -> Iterator[None]:
    """Marks that a consumer runs; several may. Raises AlreadyRunning while history or features are being written."""
    refusal = f"data is being imported, or features written, in {home} (process {{}}); start again when it is done"
    with _locked(home / "run" / "consume.lock", refusal, shared=True):
        yield


@contextmanager
def without_consumer(home: Path, besides: str = "") -> Iterator[None]:
    """Holds the right to change history and features: a consumer would go on with those it has. Raises AlreadyRunning.

    `besides` is added to the error message and names an alternative.
    """
    with _locked(
        home / "run" / "consume.lock",
        f"a consumer runs in {home} and keeps the users' features; stop it (Ctrl-C in `marquee up`, or "
        "`docker compose stop consumer`), repeat this, and start it again" + (f". {besides}" if besides else ""),
    ):
        yield


@contextmanager
def _locked(path: Path, refusal: str, shared: bool = False) -> Iterator[None]:
    """`refusal` has a placeholder for the id of the process that holds the lock."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise StorageFull("home", f"{path}: {error.strerror or error}", "fix its permissions, or set MARQUEE_HOME") from error
    with opened as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise AlreadyRunning(refusal.format(lock.read().strip() or "?")) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
