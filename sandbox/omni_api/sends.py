"""POST /text and POST /advanced. Each destination is rejected by itself, or accepted and started."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sandbox.omni_api.bodies import (
    MAX_VALIDITY_SECONDS,
    AdvancedBody,
    ChannelBody,
    Destination,
    SendBody,
    TextBody,
    To,
    checked,
)
from sandbox.omni_api.channels import CHANNELS, Channel
from sandbox.omni_api.engine import FailoverEngine, Leg
from sandbox.omni_api.errors import bad_request
from sandbox.omni_api.models import Message, Notify, RequestRecord
from sandbox.omni_api.numbers import NOT_AN_EMAIL, ForcedOutcome, outcome_for
from sandbox.omni_api.scenarios import Scenario, Scenarios
from sandbox.omni_api.statuses import (
    BAD_DESTINATION,
    DUPLICATE,
    MESSAGE_ACCEPTED,
    MISSING_TO,
    PENDING_ENROUTE,
    PREFIX_MISSING,
    Status,
)
from sandbox.omni_api.store import MessageStore
from sandbox.omni_api.wire import ApiAnswer, ApiCall, Format, read_body

_PHONE: Final = re.compile(r"[0-9]{5,15}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_LATEST: Final = timedelta(days=180)
_KEPT_BODY_BYTES: Final = 64 * 1024
# The API's page shows the first for JSON requests and the second for XML requests.
_ACCEPTED: Final[Mapping[Format, Status]] = {Format.JSON: PENDING_ENROUTE, Format.XML: MESSAGE_ACCEPTED}


@dataclass(frozen=True, slots=True)
class Batch:
    """The values that all destinations of a request share."""

    scenario: Scenario
    bulk_id: str | None
    text: str | None
    subject: str | None
    channels: Mapping[str, ChannelBody] | None
    callback_data: str | None
    notify: Notify | None
    delay: float
    received_at: datetime
    request: RequestRecord
    accepted: Status


class Sends:
    """`account_notify` is the way of the reports of messages that name none."""

    def __init__(
        self,
        scenarios: Scenarios,
        store: MessageStore,
        engine: FailoverEngine,
        now: Callable[[], datetime],
        account_notify: Notify | None,
    ) -> None:
        self.account_notify = account_notify
        self._scenarios = scenarios
        self._store = store
        self._engine = engine
        self._now = now

    def text(self, call: ApiCall) -> ApiAnswer:
        body = checked(TextBody, read_body(call))
        scenario = self._scenarios.find(body.scenario_key)
        return self._send(call, body, scenario, {"text": body.text, "subject": body.mail_subject})

    def advanced(self, call: ApiCall) -> ApiAnswer:
        body = checked(AdvancedBody, read_body(call))
        scenario = self._scenarios.find(body.scenario_key)
        in_order = [CHANNELS[step.channel].body for step in scenario.flow]
        contents = [body.channels[name] for name in (*in_order, *body.channels) if name in body.channels]
        shared = {
            "text": next((content.text for content in contents if content.text), None),
            "subject": next((content.subject for content in contents if content.subject), None),
            "channels": body.channels,
            "callback_data": body.callback_data,
            "notify": self._notify(body),
            "delay": self._delay(body.send_at),
        }
        return self._send(call, body, scenario, shared)

    def _notify(self, body: AdvancedBody) -> Notify | None:
        if body.notify is False:
            return None
        if body.notify_url is not None:
            return Notify(body.notify_url, body.notify_content_type, body.intermediate_report)
        account = self.account_notify
        return account and replace(account, intermediate=body.intermediate_report)

    def _delay(self, send_at: datetime | None) -> float:
        if send_at is None:
            return 0.0
        wait = send_at - self._now()
        if wait >= _LATEST:
            raise bad_request("sendAt: must be less than 180 days ahead")
        return max(wait.total_seconds(), 0.0)

    def _send(self, call: ApiCall, body: SendBody, scenario: Scenario, shared: Mapping[str, Any]) -> ApiAnswer:
        several = len(body.destinations) > 1
        batch = Batch(
            **{"channels": None, "callback_data": None, "notify": self.account_notify, "delay": 0.0, **shared},
            scenario=scenario,
            bulk_id=body.bulk_id or (str(uuid4()) if several else None),
            received_at=self._now(),
            request=RequestRecord(
                call.endpoint, (call.given or Format.JSON).name, call.body[:_KEPT_BODY_BYTES].decode(errors="replace")
            ),
            accepted=_ACCEPTED[call.wanted],
        )
        messages = [self._take(batch, destination) for destination in body.destinations]
        payload = {"bulkId": batch.bulk_id} if several else {}
        return ApiAnswer({**payload, "messages": messages}, "omniResponse")

    def _take(self, batch: Batch, destination: Destination) -> dict[str, Any]:
        message_id = destination.message_id or str(uuid4())
        to = destination.to or To()
        outcome = outcome_for(to.phone_number)
        status = self._rejection(to, message_id, outcome)
        if status is None:
            status = batch.accepted
            self._accept(batch, message_id, to, outcome)
        return {"to": to.wire(), "status": status.wire(), "messageId": message_id}

    def _rejection(self, to: To, message_id: str, outcome: ForcedOutcome) -> Status | None:
        """Why this destination is rejected, or None. Rejected messages leave no trace, so their ids stay free."""
        if not to.given():
            return MISSING_TO
        phone = to.phone_number
        if phone and not _PHONE.fullmatch(phone):
            return BAD_DESTINATION
        if phone and phone.startswith("0"):
            return PREFIX_MISSING
        if outcome.rejected is not None:
            return outcome.rejected
        return DUPLICATE if self._store.seen(message_id) else None

    def _accept(self, batch: Batch, message_id: str, to: To, outcome: ForcedOutcome) -> None:
        bodies = batch.channels or {}
        message = Message(
            serial=self._store.next_serial(),
            message_id=message_id,
            bulk_id=batch.bulk_id,
            to=to.wire(),
            text=batch.text,
            subject=batch.subject,
            scenario_key=batch.scenario.key,
            channels={
                name: body.model_dump(mode="json", by_alias=True, exclude_unset=True) for name, body in bodies.items()
            },
            callback_data=batch.callback_data,
            notify=batch.notify,
            received_at=batch.received_at,
            request=batch.request,
            status=PENDING_ENROUTE,
            answered=batch.accepted,
        )
        self._store.add(message)
        self._engine.start(message.serial, legs_of(batch.scenario, to, batch.channels, outcome), batch.delay)


def legs_of(
    scenario: Scenario, to: To, channels: Mapping[str, ChannelBody] | None, outcome: ForcedOutcome
) -> tuple[Leg, ...]:
    """The scenario's steps that fit: their address was given, and in /advanced their body too."""
    addresses = to.wire()
    legs: list[Leg] = []
    for step in scenario.flow:
        facts = CHANNELS[step.channel]
        address = next((addresses[name] for name in facts.addresses if addresses.get(name)), None)
        content = channels.get(facts.body) if channels is not None else None
        if address is None or (channels is not None and content is None):
            continue
        fate = outcome.fate(len(legs))
        if step.channel is Channel.EMAIL and not _EMAIL.fullmatch(address):
            fate = NOT_AN_EMAIL
        validity = (content.validity_seconds if content else None) or MAX_VALIDITY_SECONDS
        legs.append(Leg(step.channel, step.sender, address, validity, fate))
    return tuple(legs)
