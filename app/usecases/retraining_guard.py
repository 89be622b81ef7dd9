"""`python -m app.usecases.retraining_guard LOCK`: holds a retraining within its limits and notes how it ended.

LOCK is the number of the open file that is the lock (`RetrainFiles.hold`), which the retraining inherits.
"""

from __future__ import annotations

import logging
import shutil
import signal
import sys
import time

from app import wiring
from app.console import settings as settings_of
from app.ops.limited import Limits, run_limited, yield_cores
from app.ops.own_module import own_module
from app.usecases.retraining_files import RetrainFiles

BUILD = own_module("app.usecases.retraining_build")
_log = logging.getLogger(__name__)


def main() -> None:
    settings, lock = settings_of(), int(sys.argv[1])
    wiring.observed(settings, "retraining")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # ends the retraining and notes nothing: the next start goes on with it
    files = RetrainFiles(settings.folder("retrain"))
    yield_cores(settings.retrain_cores)
    limits = Limits(settings.retrain_cores, int(settings.retrain_max_memory * 2**30), settings.retrain_max_hours * 3600)
    why = run_limited(BUILD, limits, (lock,), lambda: f"{files.off} exists" if files.off.exists() else "")
    with files.deciding():
        conclude(files, time.time(), why)


def conclude(files: RetrainFiles, now: float, why: str) -> None:
    """Note how the attempt ended, `why` where it did not end by itself, and remove what it left. For the one who decides."""
    progress = files.progress()
    outcome = str(progress.get("outcome") or why or "it ended without saying anything")
    files.write_state(files.state(now).ended(now, bool(progress.get("good")), outcome, progress.get("version")))
    files.forget_progress()
    shutil.rmtree(files.work, ignore_errors=True)
    _log.info("the retraining ended: %s", outcome)


if __name__ == "__main__":
    main()
