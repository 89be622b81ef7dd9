"""The files of retraining, under `retrain/` of the home folder: state, request, progress, kill switch, and two locks."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.bundle import MANIFEST
from lifecycle.retraining import RetrainState

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetrainFiles:
    """Each file is replaced atomically, so that a killed process leaves the old one or the new one."""

    folder: Path

    @property
    def off(self) -> Path:
        """Nothing starts, and what runs is ended, while this file exists."""
        return self.folder / "retraining.off"

    @property
    def work(self) -> Path:
        """Where it trains. Everything there is of one attempt."""
        return self.folder / "work"

    def sealed(self) -> Path | None:
        """The finished bundle of the attempt, if it got that far."""
        found = [one.parent for one in self.work.glob(f"*/{MANIFEST}") if one.parent.name != "draft"]
        return max(found, key=lambda bundle: bundle.name, default=None)

    def state(self, now: float) -> RetrainState:
        """What is remembered, as of now. What cannot be read counts as one that failed just now: it waits a cool-down."""
        path = self.folder / "state.json"
        try:
            return RetrainState.model_validate_json(path.read_bytes()).as_of(now)
        except FileNotFoundError:
            return RetrainState()
        except ValidationError as error:
            _log.warning("%s cannot be read (%s); the next retraining waits for a cool-down", path, error)
            return RetrainState().ended(now, good=False, outcome="not known: state.json could not be read")

    def write_state(self, state: RetrainState) -> None:
        self._replace("state.json", state.model_dump_json(indent=2))

    def progress(self) -> dict[str, Any]:
        """How far the attempt is: `version` once it is registered, `good` and `outcome` once it is over."""
        return self._read("progress.json")

    def write_progress(self, **known: object) -> None:
        self._replace("progress.json", json.dumps(known))

    def forget_progress(self) -> None:
        (self.folder / "progress.json").unlink(missing_ok=True)

    def request(self, reasons: list[str]) -> None:
        """Leave a request for a watchdog."""
        self._replace("request.json", json.dumps({"reasons": reasons}))

    def requested(self) -> list[str] | None:
        """The reasons of a request that waits."""
        found = self._read("request.json")
        return [str(reason) for reason in found["reasons"]] if "reasons" in found else None

    def take_request(self) -> None:
        (self.folder / "request.json").unlink(missing_ok=True)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """One process decides at a time; the others wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "decide.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def hold(self) -> int | None:
        """The lock of the one that runs, as an open file; None if one runs.

        Whoever inherits the open file holds the lock: it is free when the last process of an attempt has ended, however it did.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "running.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / name).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            _log.warning("%s cannot be read: %s", self.folder / name, error)
            return {}
        return found if isinstance(found, dict) else {}

    def _replace(self, name: str, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f".{name}.{os.getpid()}"
        scratch.write_text(text + "\n")
        scratch.replace(self.folder / name)
