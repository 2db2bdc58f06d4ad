"""The failover engine: takes each message through its steps, one after another, until one delivers it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from sandbox.omni_api.channels import Channel
from sandbox.omni_api.models import Message, TakenStep
from sandbox.omni_api.numbers import StepFate
from sandbox.omni_api.statuses import DELIVERED, NO_ERROR, NOT_SENT, PENDING_ENROUTE, DeliveryError
from sandbox.omni_api.store import MessageStore
from sandbox.omni_api.timers import Timers


@dataclass(frozen=True, slots=True)
class Leg:
    """A step that fits the message: its address, its validity in seconds, and its fate."""

    channel: Channel
    sender: str | None
    address: str
    validity: float
    fate: StepFate


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a step. Without a leg, it is the end of a message that no step fits."""

    message: Message
    leg: Leg | None
    started_at: datetime
    ended_at: datetime
    error: DeliveryError


class Reporter(Protocol):
    """The engine tells it how steps end."""

    def step_failed(self, ending: Ending) -> None:
        """A step failed and another follows."""

    def finished(self, ending: Ending) -> Message:
        """The message has reached its end. Returns it with its final report."""


class FailoverEngine:
    def __init__(self, store: MessageStore, timers: Timers, reporter: Reporter, now: Callable[[], datetime]) -> None:
        self._store = store
        self._timers = timers
        self._reporter = reporter
        self._now = now

    def start(self, serial: int, legs: tuple[Leg, ...], delay: float) -> None:
        """Begins the first step after `delay` sandbox seconds."""
        if delay > 0 or not legs:
            self._timers.after(delay, partial(self._begin, serial, legs, 0))
        else:
            self._begin(serial, legs, 0)

    def _begin(self, serial: int, legs: tuple[Leg, ...], index: int) -> None:
        message = self._store.get(serial)
        if message is None:
            return
        if not legs:
            moment = self._now()
            unsent = replace(message, status=NOT_SENT)
            self._store.replace(self._reporter.finished(Ending(unsent, None, moment, moment, NO_ERROR)))
            return
        leg = legs[index]
        step = TakenStep(leg.channel, leg.sender, self._now(), None, PENDING_ENROUTE)
        self._store.replace(replace(message, steps=(*message.steps, step)))
        if leg.fate.after is not None:
            self._timers.after(min(leg.fate.after, leg.validity), partial(self._end, serial, legs, index))
        elif leg.fate.expires:
            self._timers.after(leg.validity, partial(self._end, serial, legs, index))

    def _end(self, serial: int, legs: tuple[Leg, ...], index: int) -> None:
        message = self._store.get(serial)
        if message is None:
            return
        leg, step, moment = legs[index], message.steps[-1], self._now()
        status = leg.fate.status
        message = replace(message, steps=(*message.steps[:-1], replace(step, ended_at=moment, status=status)))
        ending = Ending(message, leg, step.started_at, moment, leg.fate.error)
        if status is not DELIVERED and index + 1 < len(legs):
            self._store.replace(message)
            self._reporter.step_failed(ending)
            self._begin(serial, legs, index + 1)
            return
        final = replace(ending, message=replace(message, status=status))
        self._store.replace(self._reporter.finished(final))
