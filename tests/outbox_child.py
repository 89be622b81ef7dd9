"""An API's event log in a process that can be killed: takes an event for each line, and says 202 or 503.

python tests/outbox_child.py BOOTSTRAP FOLDER MAX_EVENTS
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.errors import DependencyUnavailable
from core.events import INTERACTIONS
from core.ports import Record
from serving.intake.outbox_log import OutboxLog
from streaming.adapters.kafka import KafkaEventLog


def main() -> None:
    bootstrap, folder, max_events = sys.argv[1:]
    log = OutboxLog(KafkaEventLog(bootstrap, timeout=1.5), Path(folder) / "outbox.db", int(max_events))
    print("ready", flush=True)
    for line in sys.stdin:
        user, _, id_ = line.strip().partition(" ")
        try:
            log.append(INTERACTIONS, [Record(user, id_, b"{}")])
            print(202, flush=True)
        except DependencyUnavailable:
            print(503, flush=True)
    log.close()


if __name__ == "__main__":
    main()
