"""The table of senders: how each proves itself, names its events, and wants to be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from relay.verification import event_ids
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.event_ids import EventId
from relay.verification.hmac_scheme import HmacScheme
from relay.verification.primitives import Scheme
from relay.verification.settings import (
    AlertmanagerSettings,
    GrafanaSettings,
    HmacSettings,
    Settings,
    SnsSettings,
    TokenSettings,
    TwilioSettings,
    WindowSettings,
)
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme

Content = Literal["json", "form", "json-or-form"]
Delivery = Literal["direct", "queued"]

_CLOCK_SKEW = 5  # seconds that an honest sender's clock may be ahead of ours, where the future is refused
_ALWAYS_SECRET = ("authorization", "proxy-authorization", "cookie")


@dataclass(frozen=True, slots=True)
class Preset:
    """One row.

    Attributes:
        scheme: how a request proves who sent it; a source's settings may replace fields of it.
        settings: what a source may set.
        event_id: how an event of this sender names itself.
        delivery: queued for senders that are in a hurry or never try again.
        content: what the bodies are.
        unused_secrets: headers that hold a secret or signature which the scheme doesn't look at.
        has_secret: False for a sender that proves itself by a public certificate.
        item_id: for senders whose events are lists, the field that names an item for a JMESPath `for_each`.
    """

    name: str
    scheme: Scheme
    settings: type[Settings] = Settings
    event_id: EventId = event_ids.unnamed
    delivery: Delivery = "direct"
    content: Content = "json"
    has_secret: bool = True
    item_id: str | None = None
    unused_secrets: tuple[str, ...] = ()

    @property
    def redacted(self) -> frozenset[str]:
        """The headers whose values must never be logged, kept or shown to a template."""
        return frozenset((*self.scheme.secret_headers, *self.unused_secrets, *_ALWAYS_SECRET))


_ROWS = (
    Preset(
        name="standard-webhooks",
        scheme=StandardWebhooksScheme(names="webhook"),
        settings=WindowSettings,
        event_id=event_ids.from_header("webhook-id"),
    ),
    Preset(
        name="svix",
        scheme=StandardWebhooksScheme(names="svix"),
        settings=WindowSettings,
        event_id=event_ids.from_header("svix-id"),
    ),
    Preset(
        name="github",  # gives up after 10 s, and never tries again by itself
        scheme=HmacScheme(header="x-hub-signature-256", prefix="sha256="),
        event_id=event_ids.from_header("x-github-delivery"),
        delivery="queued",
        content="json-or-form",
        unused_secrets=("x-hub-signature",),
    ),
    Preset(
        name="gitlab",  # as GitHub
        scheme=TokenScheme(header="x-gitlab-token"),
        event_id=event_ids.from_header("x-gitlab-event-uuid"),
        delivery="queued",
    ),
    Preset(
        name="stripe",
        scheme=HmacScheme(
            header="stripe-signature",
            separator=",",
            prefix="v1=",
            timestamp_prefix="t=",
            signed="{timestamp}.{body}",
            future=_CLOCK_SKEW,
        ),
        settings=WindowSettings,
        event_id=event_ids.from_body("id"),
        delivery="queued",  # asks for a quick answer
    ),
    Preset(
        name="shopify",  # gives up after 5 s, and may delete the subscription
        scheme=HmacScheme(header="x-shopify-hmac-sha256", encoding="base64"),
        event_id=event_ids.from_header("x-shopify-event-id", "x-shopify-webhook-id"),
        delivery="queued",
    ),
    Preset(
        name="slack",  # gives up after 3 s
        scheme=HmacScheme(
            header="x-slack-signature",
            prefix="v0=",
            timestamp_header="x-slack-request-timestamp",
            signed="v0:{timestamp}:{body}",
        ),
        settings=WindowSettings,
        event_id=event_ids.from_body("event_id"),
        delivery="queued",
        content="json-or-form",
    ),
    Preset(
        name="pagerduty",
        scheme=HmacScheme(header="x-pagerduty-signature", separator=",", prefix="v1="),
        event_id=event_ids.from_body("event", "id"),
        delivery="queued",  # gives up after seconds
    ),
    Preset(
        name="twilio",  # doesn't repeat a status callback
        scheme=TwilioScheme(),
        settings=TwilioSettings,
        event_id=event_ids.from_twilio,
        delivery="queued",
        content="json-or-form",
    ),
    Preset(
        name="grafana",
        scheme=HmacScheme(header="x-grafana-alerting-signature"),
        settings=GrafanaSettings,
        event_id=event_ids.from_alerts,
        item_id="fingerprint",
    ),
    Preset(
        name="alertmanager",
        scheme=AuthorizationScheme(),
        settings=AlertmanagerSettings,
        event_id=event_ids.from_alerts,
        item_id="fingerprint",
    ),
    Preset(
        name="sns",
        scheme=SnsScheme(),
        settings=SnsSettings,
        event_id=event_ids.from_body("MessageId"),
        has_secret=False,
    ),
    Preset(name="bearer", scheme=AuthorizationScheme(auth="bearer"), content="json-or-form"),
    Preset(name="basic", scheme=AuthorizationScheme(auth="basic"), content="json-or-form"),
    Preset(name="api-key", scheme=TokenScheme(header="x-api-key"), settings=TokenSettings, content="json-or-form"),
    Preset(name="hmac", scheme=HmacScheme(), settings=HmacSettings, content="json-or-form"),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({row.name: row for row in _ROWS})
