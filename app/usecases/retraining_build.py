"""`python -m app.usecases.retraining_build`: the limited process that trains, registers and asks the gate.

It goes on where an earlier one was killed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from app import wiring
from app.console import settings as settings_of
from app.usecases import releasing, steps
from app.usecases.retraining_files import RetrainFiles
from core.errors import DependencyUnavailable, MarqueeError
from core.settings import Settings
from lifecycle.promotion import PromotionRefused
from lifecycle.retraining import Attempt

ACTOR = "retraining"  # in the promotion ledger
MLFLOW_SECONDS = 30.0  # between two attempts to reach it; the time limit of the whole ends them
_log = logging.getLogger(__name__)


def main() -> None:
    settings = settings_of()
    wiring.observed(settings, "retraining")
    files = RetrainFiles(settings.folder("retrain"))
    attempt = files.state(time.time()).running
    if attempt is None:
        sys.exit("there is no retraining to go on with; ask for one with `marquee retrain`")
    try:
        _retrain(settings, files, attempt)
    except MarqueeError as error:
        files.write_progress(**files.progress() | {"good": False, "outcome": f"{error.title}: {error.detail}"})
        sys.exit(1)


def _retrain(settings: Settings, files: RetrainFiles, attempt: Attempt) -> None:
    folder = files.sealed() or steps.make_bundle(settings, None, 1, files.work, _say)
    version = files.progress().get("version")
    while True:
        try:
            if version is None:
                version = _register(settings, folder, files, attempt)
                files.write_progress(version=version)
            why = f"{attempt.trigger}: {'; '.join(attempt.reasons)}"
            outcome = releasing.let_in(settings, version, dry_run=False, echo=_say, why=why, actor=ACTOR)
        except PromotionRefused as error:
            files.write_progress(version=version, good=False, outcome=error.detail)
        except DependencyUnavailable as error:
            _log.warning("%s; it tries again in %.0f s", error, MLFLOW_SECONDS)
            time.sleep(MLFLOW_SECONDS)
            continue
        else:
            files.write_progress(version=version, good=True, outcome=outcome)
        return


def _register(settings: Settings, folder: Path, files: RetrainFiles, attempt: Attempt) -> str:
    """With why it was made: in short as parameters, in full as a file, and the drift report if drift was the reason."""
    told = files.work / "retraining.json"
    told.write_text(json.dumps({"trigger": attempt.trigger, "reasons": attempt.reasons}, indent=2))
    report = settings.folder("watch") / "report.html"
    evidence = [told, report] if attempt.trigger in ("drift", "reward") and report.is_file() else [told]
    why = {"trigger": attempt.trigger, "reasons": "; ".join(attempt.reasons)[:500]}
    return releasing.register(settings, folder, _say, why, evidence, ACTOR)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
