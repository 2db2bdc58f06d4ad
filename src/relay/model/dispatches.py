"""A dispatch: one OMNI request ready to send. It is the unit of sending, retrying and idempotency."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from omni.models import AdvancedRequest, Destination, TextRequest, To
from relay.message.notifications import Notification
from relay.message.recipients import Recipient
from relay.model.events import Event
from relay.model.ids import derive_id

_TEXT_CHANNELS = ("sms", "email", "viber", "whatsApp", "voice", "push")
_AGAIN = "again"
_NOT_DELIVERED = "not delivered"


class Message(BaseModel):
    """One recipient of a dispatch, under the message id that OMNI knows. `was` is the id that OMNI refused before."""

    model_config = ConfigDict(frozen=True)

    message_id: str
    was: str | None = None
    phone: str | None = None
    email: str | None = None


class Content(BaseModel):
    """The texts of the messages, and the scenario. `scenario` is our name; its key is looked up when sending."""

    model_config = ConfigDict(frozen=True)

    scenario: str
    text: str | None = None
    subject: str | None = None
    channels: dict[str, dict[str, Any]] | None = None
    send_at: datetime | None = None
    callback_data: str | None = None
    notify_url: str | None = None

    @property
    def advanced(self) -> bool:
        return any((self.channels, self.send_at, self.callback_data, self.notify_url))


class Step(BaseModel):
    """A message to the next person, for one that is not delivered in time. A route's `unless_delivered` makes it.

    Attributes:
        within: how long to wait for the delivered report, in seconds.
        to: who is told then.
        content: what is said then.
    """

    model_config = ConfigDict(frozen=True)

    within: int
    to: tuple[Recipient, ...]
    content: Content


class Dispatch(BaseModel):
    """One OMNI request ready to send.

    Attributes:
        id: also OMNI's bulk id.
        former: the ids of the dispatches that this one continues.
        unless_delivered: what follows, in order, for each message that is not delivered.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    former: tuple[str, ...] = ()
    event_id: str
    source: str
    route: str
    content: Content
    messages: tuple[Message, ...]
    unless_delivered: tuple[Step, ...] = ()

    def narrowed(self, ids: Collection[str]) -> Self:
        """Returns the part that holds the messages with these ids, as a dispatch with an id of its own."""
        if len(ids) == len(self.messages):
            return self
        messages = [message for message in self.messages if message.message_id in ids]
        return self._continued(_dispatch_id(self.id, messages), messages)

    def reissued(self) -> Self:
        """Returns the same messages with their ids as another dispatch, because this one's receipt is on the ledger."""
        return self._continued(derive_id(self.id, _AGAIN), self.messages)

    def renewed(self) -> Self:
        """Returns the same content under new message ids, because OMNI may remember the ids that it refused.

        What follows undelivered messages is left out, because it was sent when OMNI refused them.
        """
        continued = self._continued(derive_id(self.id, _AGAIN), [_renewed(message) for message in self.messages])
        return continued.model_copy(update={"unless_delivered": ()})

    def _continued(self, new_id: str, messages: Iterable[Message]) -> Self:
        former = (*self.former, self.id)
        return self.model_copy(update={"id": new_id, "former": former, "messages": tuple(messages)})


def dispatches_of(
    notification: Notification,
    event: Event,
    *,
    route: str,
    item: str = "",
    steps: Sequence[Step] = (),
    limit: int,
    installation: str,
) -> Iterator[Dispatch]:
    """Yields the dispatches of one notification.

    Args:
        notification: what the route made.
        event: what the route made it of.
        route: the route's name.
        item: tells the notifications of one event and route apart, as `for_each` makes them.
        steps: what follows for each message that is not delivered.
        limit: the most destinations of a dispatch.
        installation: tells relays apart that share an account. OMNI would take the second relay's message of the same
            event for a duplicate.
    """
    scope = derive_id(installation, event.source, event.key, route, item)
    common = {"event_id": event.id, "source": event.source, "route": route, "unless_delivered": tuple(steps)}
    yield from _dispatches(scope, notification.to, limit, content=content_of(notification), **common)


def dispatches_after(
    message_id: str, names: Mapping[str, str], steps: Sequence[Step], limit: int
) -> Iterator[Dispatch]:
    """Yields the dispatches of the first of `steps`, because this message was not delivered. They bring the others.

    Their ids derive from the message's, so that a message is followed by the same messages whoever asks for them.

    Args:
        message_id: the message that was not delivered.
        names: its event_id, source and route.
        steps: one or more.
        limit: see `dispatches_of`.
    """
    step, *others = steps
    scope = derive_id(_NOT_DELIVERED, message_id)
    yield from _dispatches(scope, step.to, limit, content=step.content, unless_delivered=tuple(others), **names)


def content_of(notification: Notification) -> Content:
    return Content(**notification.model_dump(exclude={"id", "to"}))


def _dispatches(scope: str, to: Iterable[Recipient], limit: int, **common: Any) -> Iterator[Dispatch]:
    messages = [_message(scope, recipient) for recipient in to]
    for start in range(0, len(messages), limit):
        chunk = tuple(messages[start : start + limit])
        yield Dispatch(id=_dispatch_id(scope, chunk), messages=chunk, **common)


def request_of(dispatch: Dispatch, scenario_key: str, report_url: str | None = None) -> TextRequest | AdvancedRequest:
    """Returns the OMNI request, for `/text` if that method can carry the content, else for `/advanced`.

    OMNI pushes the reports of an `/advanced` request without a `notify_url` of its own to `report_url`.
    """
    content = dispatch.content
    destinations = tuple(
        Destination(message_id=m.message_id, to=To(phone_number=m.phone, email_address=m.email))
        for m in dispatch.messages
    )
    common = {"destinations": destinations, "bulk_id": dispatch.id, "scenario_key": scenario_key}
    if not content.advanced:
        return TextRequest(**common, text=content.text or "", mail_subject=content.subject)
    notify_url = content.notify_url or report_url
    extras = {
        "send_at": content.send_at,
        "callback_data": content.callback_data,
        "notify_url": notify_url,
        "notify": True if notify_url else None,
        "notify_content_type": "application/json" if notify_url else None,
    }
    return AdvancedRequest(**common, **{k: v for k, v in extras.items() if v is not None}, **_channel_bodies(content))


def _channel_bodies(content: Content) -> dict[str, dict[str, Any]]:
    """Returns each channel's body. The notification's text is every channel's default. Without a text, only the given
    channels have bodies, and OMNI skips the steps of the others.
    """
    given = content.channels or {}
    default = {"text": content.text} if content.text else {}
    names = dict.fromkeys([*(_TEXT_CHANNELS if content.text else ()), *given])
    bodies = {name: default | given.get(name, {}) for name in names}
    if content.subject and "email" in bodies:
        bodies["email"] = {"subject": content.subject} | bodies["email"]
    return bodies


def _message(scope: str, recipient: Recipient) -> Message:
    message_id = derive_id(scope, recipient.phone or "", recipient.email or "")
    return Message(message_id=message_id, phone=recipient.phone, email=recipient.email)


def _renewed(message: Message) -> Message:
    return message.model_copy(update={"message_id": derive_id(message.message_id, _AGAIN), "was": message.message_id})


def _dispatch_id(scope: str, messages: Sequence[Message]) -> str:
    return derive_id(scope, *(message.message_id for message in messages))
