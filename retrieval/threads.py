"""How many threads training computes with. More than there are free cores wait for each other, actively: an epoch takes ten times
as long and keeps every core busy."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from core.machine import available_cores, free_cores

log = logging.getLogger(__name__)


def chosen(wanted: int) -> int:
    """`wanted` threads, with a warning if there are fewer cores; of 0 the cores that are free now, at most torch's own number."""
    if not wanted:
        return min(torch.get_num_threads(), free_cores())
    cores = available_cores()
    if wanted > cores:
        log.warning(
            "MARQUEE_TRAIN_THREADS is %d, and this process may use %d core(s): training will be much slower than with %d",
            wanted,
            cores,
            cores,
        )
    return wanted


@contextmanager
def training_threads(wanted: int) -> Iterator[int]:
    """Compute with so many threads (see `chosen`) until the block ends; gives their number."""
    before = torch.get_num_threads()
    threads = chosen(wanted)
    torch.set_num_threads(threads)
    log.info("training computes with %d thread(s)", threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)
