"""Runs the drill in a folder of its own, and writes the report however it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from app.pages import write
from app.usecases.drill import report
from app.usecases.drill.acts import Drill
from app.usecases.drill.config import DrillConfig
from app.usecases.drill.small_marquee import SmallMarquee
from app.usecases.drill.story import Story, Told

PAGE = "drift.html"


def run_drift(config: DrillConfig, page: Path, say: Callable[[Told], object]) -> Story:
    """All acts, with a report at `page`; `say` gets each line of the timeline. Raises DrillFailed, and OSError for the report.

    What the drill writes besides goes into a temporary folder.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # what has to be known is in the timeline
    with TemporaryDirectory(prefix="marquee-drill-") as home:
        marquee = SmallMarquee(Path(home), config)
        story = Story(lambda: marquee.clock.day, say)
        try:
            Drill(marquee, story).run()
        finally:
            write(page, report.page(story, marquee.seen, marquee.ledger.entries(), config))
            marquee.close()
    return story
