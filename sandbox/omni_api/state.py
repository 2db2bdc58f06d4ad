"""Wires the parts of one sandbox together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.omni_api.clock import Clock
from sandbox.omni_api.engine import FailoverEngine
from sandbox.omni_api.faults import Faults
from sandbox.omni_api.models import account_notify
from sandbox.omni_api.report_push import Pusher
from sandbox.omni_api.reports import ReportDesk
from sandbox.omni_api.scenarios import Scenarios
from sandbox.omni_api.sends import Sends
from sandbox.omni_api.settings import DEFAULT_CREDENTIALS, SandboxSettings
from sandbox.omni_api.store import MessageStore
from sandbox.omni_api.timers import Timers
from sandbox.omni_api.wire import canonical_credential


@dataclass(frozen=True, slots=True)
class State:
    clock: Clock
    timers: Timers
    store: MessageStore
    scenarios: Scenarios
    pusher: Pusher
    reports: ReportDesk
    sends: Sends
    faults: Faults
    credentials: frozenset[bytes]
    max_body_bytes: int
    ready: Callable[[], bool]
    closing: asyncio.Event


def create_state(settings: SandboxSettings) -> State:
    clock = Clock(scale=settings.time_scale, monotonic=settings.monotonic, now=settings.now)
    timers = Timers(clock)
    store = MessageStore(settings.max_messages)
    scenarios = Scenarios(settings, clock)
    faults = Faults()
    pusher = Pusher(store, timers, clock, faults, beyond_loopback=settings.push_beyond_loopback)
    reports = ReportDesk(pusher, settings.max_messages)
    pusher.give_up = reports.undeliverable
    engine = FailoverEngine(store, timers, reports, clock.now)
    account = account_notify(settings.report_url, settings.report_content_type)
    known = (*DEFAULT_CREDENTIALS, *settings.credentials)
    return State(
        clock=clock,
        timers=timers,
        store=store,
        scenarios=scenarios,
        pusher=pusher,
        reports=reports,
        sends=Sends(scenarios, store, engine, clock.now, account),
        faults=faults,
        credentials=frozenset(canonical_credential(value) for value in known),
        max_body_bytes=settings.max_body_bytes,
        ready=settings.ready,
        closing=asyncio.Event(),
    )
