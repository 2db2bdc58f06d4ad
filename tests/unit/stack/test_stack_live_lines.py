"""`make run` says what becomes of events and messages: a line each, none that a terminal obeys, and no flood."""

from typing import Any

from sandbox.live_lines import LiveLines


def end(**fields: Any) -> dict[str, Any]:
    known = {"message": "message_report", "final": True, "state": "delivered", "channel": "SMS", "seconds": 0.3}
    return known | {"source": "github", "to": {"phone": "4179*****27"}, "status": {"name": "DELIVERED"}} | fields


def test_the_ends_of_the_samples_are_counted_and_later_ones_said() -> None:
    said: list[str] = []
    live = LiveLines(said.append)
    live(end())
    live(end())
    live(end(state="unreported", channel=None))
    live(end(final=False))
    live({"message": "event_received", "source": "github", "outcome": "sent", "ms": 12.1})
    assert said == []

    assert live.start() == "2 delivered by SMS, 1 unreported"

    live(end())
    live({"message": "event_received", "source": "github", "outcome": "sent", "routes_matched": ["a"], "ms": 12.1})
    live(
        {
            "message": "escalated",
            "source": "github",
            "event_id": "e",
            "recipients": 1,
            "scenario": "call",
            "state": "expired",
        }
    )
    live({"message": "message_status", "outcome": "sent"})
    assert [line.split(" ", 1)[1] for line in said] == [
        "delivered 4179*****27 by SMS DELIVERED after 0.3 s",
        "sent github → a 12 ms",
        "escalated github e to 1 by call because the message is expired",
    ]


def test_what_a_stranger_wrote_can_not_move_the_cursor() -> None:
    said: list[str] = []
    live = LiveLines(said.append)
    live.start()
    live(end(to={"email": "a\x1b[2J\r\n***@example.com"}))
    (line,) = said
    assert line.isprintable()


def test_a_flood_is_counted() -> None:
    now = 5.0
    said: list[str] = []
    live = LiveLines(said.append, lambda: now)
    live.start()
    for _ in range(100):
        live(end())
    assert len(said) == 20

    now = 6.0
    live(end())
    assert said[20] == "… and 80 more, which the logs have"
    assert len(said) == 22
