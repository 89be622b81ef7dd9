"""The parts of the drill that need no trained release; `tests/integration/test_drill.py` runs it whole."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from app.usecases.drill.audience import Audience
from app.usecases.drill.chart import drawn, served
from app.usecases.drill.config import EPOCH, DrillConfig
from app.usecases.drill.report import page
from app.usecases.drill.retraining import RetrainingBetweenSteps
from app.usecases.drill.small_marquee import SimulatedClock, StepLists
from app.usecases.drill.story import DrillFailed, Span, Story
from core import columns as c
from core.errors import InvalidInput
from lifecycle.retraining import DAY, RetrainConfig

SEEN = [
    StepLists(1.0, "control", "a", 100, 80),
    StepLists(1.5, "control", "a", 100, 20),
    StepLists(1.5, "control-canary", "b", 20, 15),
    StepLists(2.0, "control", "b", 100, 70),
]


def story() -> Story:
    clock = SimulatedClock()
    told = Story(lambda: clock.day, versions={"a": "1", "b": "2"})
    told.act("calm <days>")
    clock.now += DAY
    told.tell("tastes shift & fall", "shift")
    told.stage("v2", "shadow")
    clock.now += DAY / 2
    told.stage("v2", "canary")
    clock.now += DAY / 2
    told.expect("it takes over", True, "version 2")
    told.stage("", "")
    return told


def test_an_expectation_that_does_not_hold_ends_the_drill_and_is_on_the_page() -> None:
    told = story()
    with pytest.raises(DrillFailed, match=r"act 1, calm <days>: production stays; found: version 9"):
        told.expect("production stays", False, "version 9")
    html = page(told, SEEN, [], DrillConfig())
    assert "Not as expected: production stays (version 9)" in html
    assert "All " not in html


def test_the_page_needs_nothing_else_and_escapes_what_it_is_told() -> None:
    html = page(story(), SEEN, [], DrillConfig())
    assert "All 1 expectations held." in html
    assert "calm &lt;days&gt;" in html
    assert "<days>" not in html
    assert not re.search(r"(src|href)=|https?://", html)


def test_stages_follow_each_other_without_gaps() -> None:
    assert story().spans == [Span(1.0, 1.5, "v2", "shadow"), Span(1.5, 2.0, "v2", "canary")]


def test_production_is_read_from_the_lists_of_those_in_no_part_of_a_rollout() -> None:
    assert served(SEEN, {"a": "1", "b": "2"}) == [Span(1.0, 1.5, "v1", "production"), Span(1.5, 2.0, "v2", "production")]


def test_the_chart_is_an_image_with_a_point_for_each_rate() -> None:
    chart = ElementTree.fromstring(drawn(story(), SEEN))
    said = [title.text for title in chart.iter("title")]
    assert "day 1.5, canary: 15 of 20 lists accepted" in said
    assert "v2, shadow: day 1 to 1.5" in said
    assert "shift" in said


def test_a_second_retraining_waits_for_the_cool_down() -> None:
    clock = SimulatedClock()
    retraining = RetrainingBetweenSteps(RetrainConfig(cooldown=3 * DAY), clock)
    assert retraining.ask("drift", ["popularity"]).started
    assert "runs" in retraining.ask("drift", ["popularity"]).reason
    retraining.end("2", "version 2 passed the gate")
    clock.now += 2.9 * DAY
    assert "cool-down" in retraining.ask("drift", ["popularity"]).reason
    clock.now += 0.2 * DAY
    assert retraining.ask("drift", ["popularity"]).started
    assert retraining.started == 2


def test_the_audience_is_the_same_for_the_same_seed_and_takes_no_film_twice() -> None:
    config = DrillConfig(users=100, films=60, past_days=6.0)
    past, again = Audience(config).past(), Audience(config).past()
    assert past.equals(again)
    assert past[c.TS].min() >= EPOCH
    assert past.select(c.USER, c.ITEM).is_duplicated().sum() == 0
    assert not past.equals(Audience(DrillConfig(seed=2, users=100, films=60, past_days=6.0)).past())


def test_people_take_less_from_a_list_that_looks_wrong() -> None:
    audience = Audience(DrillConfig(users=200, films=60))
    films = audience.world.item_ids.tolist()
    visits = audience.visits(0)
    pleased, displeased = (
        sum(audience.answer(visit, films[:20], "list", displeasure) is not None for visit in visits) for displeasure in (0.0, 4.0)
    )
    assert displeased < 0.3 * pleased


def test_too_few_people_are_refused() -> None:
    with pytest.raises(InvalidInput, match="users"):
        DrillConfig(users=10)
