"""Visits to a service that recommends, and into the event log."""

import asyncio
from pathlib import Path

from core.events import INTERACTIONS, Interaction
from evaluation.simulation.arrivals import Arrivals
from evaluation.simulation.drivers import Acknowledgement, Refused, ServedList, ServiceDriver, fill_log
from evaluation.simulation.pacing import TokenBucket, drive
from evaluation.simulation.run_statistics import RunStatistics
from evaluation.simulation.simulation import EventBody, Simulation
from evaluation.simulation.world import WorldConfig, made_up
from streaming.adapters.embedded import EmbeddedEventLog


def simulation() -> Simulation:
    return Simulation(made_up(50, WorldConfig()), Arrivals(100))


class Shop:
    """Recommends the same three films to everybody, one of them of another world, and puts every second event aside."""

    def __init__(self, refuses_lists: Refused | None = None, refuses_events: Refused | None = None) -> None:
        self.told: list[EventBody] = []
        self.refuses_lists, self.refuses_events = refuses_lists, refuses_events

    async def ask(self, user_id: int) -> ServedList:
        if self.refuses_lists:
            raise self.refuses_lists
        return ServedList([5, 9, 4711], f"list-of-{user_id}")

    async def tell(self, event: EventBody) -> Acknowledgement:
        if self.refuses_events:
            raise self.refuses_events
        self.told.append(event)
        return Acknowledgement(len(self.told) % 2, 1 - len(self.told) % 2)


def visited(shop: Shop, visits: int) -> RunStatistics:
    made, statistics = simulation(), RunStatistics()
    driver = ServiceDriver(shop, made, statistics, clock=lambda: 1_700_000_000.0)
    asyncio.run(drive(made, driver, TokenBucket(1e6, 100), statistics, lambda: statistics.visits < visits))
    return statistics


def test_visitors_choose_from_what_was_served() -> None:
    shop = Shop()
    statistics = visited(shop, 60)
    assert statistics.visits == statistics.lists == 60
    assert 0 < statistics.sent == len(shop.told) < 60
    assert (statistics.accepted, statistics.quarantined) == ((statistics.sent + 1) // 2, statistics.sent // 2)
    assert len(statistics.latencies) == 60 + statistics.sent
    events = [Interaction.model_validate(event) for event in shop.told]
    assert {event.item_id for event in events} == {5, 9}
    assert all(event.request_id == f"list-of-{event.user_id}" for event in events)


def test_refusals_are_counted_by_reason_and_timed_if_they_were_answers() -> None:
    busy = visited(Shop(refuses_lists=Refused("503", answered=True)), 7)
    assert (busy.refused, busy.lists, busy.sent, len(busy.latencies)) == ({"503": 7}, 0, 0, 7)
    gone = visited(Shop(refuses_events=Refused("ConnectError", answered=False)), 60)
    assert gone.refused == {"ConnectError": gone.sent}
    assert (gone.lists, gone.accepted, len(gone.latencies)) == (60, 0, 60)


def test_the_log_gets_events_that_keep_the_contract(tmp_path: Path) -> None:
    log, statistics = EmbeddedEventLog(tmp_path / "log.db"), RunStatistics()
    fill_log(simulation(), log, TokenBucket(1e6, 1e6), statistics, lambda: statistics.sent < 40)
    events = [Interaction.model_validate_json(record.value) for record in log.read(INTERACTIONS)]
    log.close()
    assert len(events) == statistics.accepted == 40
