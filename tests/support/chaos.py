"""Everything fails at once: signed events at full load while processes, OMNI and AWS fail, all drawn from one seed."""

import http.client
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from relay.model.items import Parked
from tests.support.proxies import SERVICES, Reachability
from tests.support.relay_stack import (
    BLOCKLISTED,
    FAILING,
    FAILING_OVER,
    OTHERS,
    PHONE,
    REPORTING,
    SILENT,
    Relay,
    Sent,
)

FUNCTIONS = ("WebhookFunction", "DeliveryFunction", *REPORTING)
# A third of the pushed reports never comes, comes late, twice, or after a later one. A late one outlasts the pull.
REPORT_FAULTS = {"lost": 0.15, "late": 0.1, "doubled": 0.1, "reordered": 0.1, "delayMs": 1500}
WATCHED = 0.3  # the share of events that have `unless_delivered`
OUTAGES = (Reachability.REFUSE, Reachability.RESET, Reachability.HANG)
DONE = range(200, 300)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes: times are in seconds, `in_flight` is the number of concurrent posts.

    `patience` is how long the sender repeats an event.
    """

    seed: int
    events: int
    in_flight: int = 20
    kill_every: float = 1.0
    outage: float = 2.0
    calm: float = 1.5
    patience: float = 120
    drain: float = 120

    def __str__(self) -> str:
        return f"CHAOS_SEED={self.seed} EVENTS={self.events}"

    def draw(self) -> list[Sent]:
        """Returns the events. Most have one recipient, some have several, some must be parked in whole or in part."""
        chance = random.Random(self.seed)
        return [self._event(chance, number) for number in range(self.events)]

    def _event(self, chance: random.Random, number: int) -> Sent:
        source = chance.choice(("direct", "queued"))
        if chance.random() < WATCHED:
            phone = chance.choice((PHONE, FAILING, FAILING_OVER, SILENT))
            return Sent(f"{self.seed}-{number:05}", (phone,), chance.choice(("watched", "watched-queued")))
        phones, broken = chance.choices(
            (((PHONE,), False), ((PHONE, *OTHERS), False), ((PHONE, BLOCKLISTED), False), ((PHONE,), True)),
            weights=(80, 14, 3, 3),
        )[0]
        return Sent(f"{self.seed}-{number:05}", phones, source, broken)


@dataclass(slots=True)
class Course:
    """Records what happened in a run: events in `acknowledged` got a 2xx, events in `given_up` never got one.

    `posted_at` holds the Unix seconds of each event's first post, by its id.
    """

    acknowledged: list[Sent] = field(default_factory=list)
    posted_at: dict[str, float] = field(default_factory=dict)
    given_up: list[Sent] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    outages: Counter[str] = field(default_factory=Counter)
    seconds: float = 0


class Chaos:
    """Runs a plan against a relay. `run` returns when the queue is empty."""

    def __init__(self, relay: Relay, plan: Plan) -> None:
        self._relay, self._plan = relay, plan
        self.course = Course()

    def run(self) -> Course:
        started = time.monotonic()
        events = self._plan.draw()
        with self._faults(), ThreadPoolExecutor(self._plan.in_flight) as senders:
            list(senders.map(self._send, events, range(len(events))))
        self._drain()
        self.course.seconds = time.monotonic() - started
        return self.course

    def _send(self, event: Sent, number: int) -> None:
        """Posts the event until it is acknowledged, as a sender does. Sometimes posts it once more after that."""
        chance = random.Random(f"{self._plan.seed}/{number}")
        deadline = time.monotonic() + self._plan.patience
        self.course.posted_at[event.id] = time.time()
        while self._post(event) not in DONE:
            if time.monotonic() > deadline:
                self.course.given_up.append(event)
                return
            time.sleep(chance.uniform(0.2, 1))
        self.course.acknowledged.append(event)
        if chance.random() < 0.1:
            self._post(event)

    def _post(self, event: Sent) -> int:
        try:
            answer = self._relay.post(event)
        except (OSError, http.client.HTTPException) as broken:
            self.course.answers[type(broken).__name__] += 1
            return 0
        self.course.answers[f"{answer.status} {answer.outcome or ''}".strip()] += 1
        return answer.status

    @contextmanager
    def _faults(self) -> Iterator[None]:
        over = Event()
        self._relay.omni_fails_at_random(seed=self._plan.seed)
        self._relay.reports_fail(**REPORT_FAULTS, seed=self._plan.seed)
        threads = [Thread(target=work, args=(over,)) for work in (self._kill, self._cut_off)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
            self._relay.omni_recovers()
            self._relay.reachable()

    def _kill(self, over: Event) -> None:
        chance = random.Random(f"{self._plan.seed}/kills")
        while not over.wait(chance.uniform(0, 2 * self._plan.kill_every)):
            function = chance.choice(FUNCTIONS)
            alive = self._relay.stack.pids(function)
            if alive:
                with suppress(ProcessLookupError):
                    self._relay.stack.kill(chance.choice(alive))
                self.course.kills[function] += 1

    def _cut_off(self, over: Event) -> None:
        chance = random.Random(f"{self._plan.seed}/outages")
        turn = 0
        while not over.wait(chance.uniform(0, 2 * self._plan.calm)):
            service, how = SERVICES[turn % len(SERVICES)], chance.choice(OUTAGES)
            self._relay.unreachable(service, how=how)
            self.course.outages[f"{service} {how}"] += 1
            over.wait(chance.uniform(0.5, 2 * self._plan.outage))
            self._relay.unreachable(service, how=Reachability.NORMAL)
            turn += 1

    def _drain(self) -> None:
        deadline = time.monotonic() + self._plan.drain
        while self._relay.waiting():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._relay.waiting()} messages still wait; {self._plan}")
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The messages that went wrong, named by event and phone (`event 7 → 4179…`).

    `twins` counts messages that are parked twice under the same ids; a replay sends them once. `unlike` names messages
    that are parked under different ids; a replay would send them twice.
    """

    lost: list[str]
    twice: list[str]
    both: list[str]
    unlike: list[str]
    twins: int
    sent: int
    parked: int

    def __str__(self) -> str:
        counts = f"{self.sent} sent, {self.parked} parked ({self.twins} of them again)"
        return f"{counts}, lost: {self.lost}, twice: {self.twice}, both: {self.both}, unlike: {self.unlike}"


def judge(acknowledged: list[Sent], messages: list[dict[str, Any]], parked: list[Parked]) -> Verdict:
    """Compares the acknowledged events with the messages that were sent or parked.

    They are matched by their texts. The relay's own ids only tell whether parked items are twins.
    """
    sent = Counter(f"{message['text']} → {message['to']['phoneNumber']}" for message in messages)
    items = Counter(named for item in parked for named in _names(item))
    kept = Counter(name for name, _ in items)
    wanted = [f"{event.text} → {phone}" for event in acknowledged for phone in event.phones]
    wanted += [f"{event.text} is broken" for event in acknowledged if event.broken]
    return Verdict(
        lost=[name for name in wanted if not sent[name] and not kept[name]],
        twice=[name for name, count in sent.items() if count > 1],
        both=[name for name in wanted if sent[name] and kept[name]],
        unlike=[name for name, ids in kept.items() if ids > 1],
        twins=sum(count - 1 for count in items.values()),
        sent=len(sent),
        parked=len(kept),
    )


def _names(parked: Parked) -> Iterator[tuple[str, str]]:
    """Yields the name of each message that the item holds, and the ids by which a replay recognises it."""
    if parked.dispatch:
        for message in parked.dispatch.messages:
            yield f"{parked.dispatch.content.text} → {message.phone}", f"{parked.dispatch.id} {message.message_id}"
    if parked.event:
        yield f"{parked.event.body['text']} is broken", f"{parked.event.id} {parked.event.nonce}"
