"""Comparisons in a process of their own, which ends with each: what the detector imports is not kept until the next check."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np

from core.errors import DependencyUnavailable
from core.ports import DriftDetector, DriftReport
from monitoring.samples import Samples, check_samples

NICENESS = 10  # nobody waits for a comparison; people wait for lists


class ApartDrift:
    """Another detector, and its last answer, which holds for as long as both samples are the same."""

    def __init__(self, detector: DriftDetector) -> None:
        """It should import what is heavy in `compare`, because it is sent to the process."""
        self._detector = detector
        self._last: tuple[Samples, Samples, DriftReport] | None = None

    def compare(self, reference: Samples, current: Samples) -> DriftReport:
        """See the detector. Raises InvalidInput, see `check_samples`, and DependencyUnavailable when the process fails."""
        check_samples(reference, current)
        if self._last is None or not (_same(self._last[0], reference) and _same(self._last[1], current)):
            self._last = reference, current, self._compared(reference, current)
        return self._last[2]

    def _compared(self, reference: Samples, current: Samples) -> DriftReport:
        spawning = get_context("spawn")  # a fork would inherit the locks of threads that it does not have
        answer, sender = spawning.Pipe(duplex=False)
        process = spawning.Process(target=_compare, args=(sender, self._detector, dict(reference), dict(current)), daemon=True)
        process.start()
        sender.close()  # here, so that its end in the process is the last one
        try:
            report: DriftReport = answer.recv()
        except EOFError as error:
            process.join()
            reason = f"the process that compares ended with exit code {process.exitcode}"
            raise DependencyUnavailable("drift detector", reason, "see the watchdog's log") from error
        finally:
            answer.close()
        process.join()
        return report


def _same(before: Samples, now: Samples) -> bool:
    return before.keys() == now.keys() and all(np.array_equal(before[name], now[name]) for name in now)


def _compare(sender: Connection, detector: DriftDetector, reference: Samples, current: Samples) -> None:
    os.nice(NICENESS)
    sender.send(detector.compare(reference, current))
