"""The bus: everybody hears everything, and nobody's fault is another's."""

import pytest

from engine.events import Bus, Event, JobChanged


def test_every_subscriber_hears_every_event_until_it_ends() -> None:
    bus, heard = Bus(), []
    end = bus.subscribe(lambda event: heard.append(("first", event)))
    bus.subscribe(lambda event: heard.append(("second", event)))
    bus.publish(JobChanged(1))
    end()
    bus.publish(JobChanged(2))
    assert heard == [("first", JobChanged(1)), ("second", JobChanged(1)), ("second", JobChanged(2))]


def test_a_subscriber_that_fails_is_logged_and_the_others_still_hear(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = Bus(), list[Event]()

    def broken(_: Event) -> None:
        raise RuntimeError("broken subscriber")

    bus.subscribe(broken)
    bus.subscribe(heard.append)
    bus.publish(JobChanged(1))
    assert heard == [JobChanged(1)]
    assert "broken subscriber" in caplog.text


def test_a_subscriber_may_end_itself_while_it_hears() -> None:
    bus, heard = Bus(), list[Event]()

    def once(event: Event) -> None:
        heard.append(event)
        end()

    end = bus.subscribe(once)
    bus.subscribe(heard.append)
    bus.publish(JobChanged(1))
    bus.publish(JobChanged(2))
    assert heard == [JobChanged(1), JobChanged(1), JobChanged(2)]
