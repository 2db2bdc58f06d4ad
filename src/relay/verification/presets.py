"""The table of senders: how each proves itself, names its events, and wants to be answered."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from relay.verification import event_ids
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.hmac_scheme import HmacScheme
from relay.verification.settings import (
    AlertmanagerSettings,
    GrafanaSettings,
    HmacSettings,
    SnsSettings,
    TokenSettings,
    TwilioSettings,
    WindowSettings,
)
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme
from relay.verification.verification import Verification

_CLOCK_SKEW = 5  # seconds that an honest sender's clock may be ahead of ours, where the future is refused

_ROWS = (
    Verification(
        name="standard-webhooks",
        scheme=StandardWebhooksScheme(names="webhook"),
        settings=WindowSettings,
        event_id=event_ids.from_header("webhook-id"),
    ),
    Verification(
        name="svix",
        scheme=StandardWebhooksScheme(names="svix"),
        settings=WindowSettings,
        event_id=event_ids.from_header("svix-id"),
    ),
    Verification(
        name="github",  # gives up after 10 s, and never tries again by itself
        scheme=HmacScheme(header="x-hub-signature-256", prefix="sha256="),
        event_id=event_ids.from_header("x-github-delivery"),
        delivery="queued",
        body_format="json-or-payload",
        unused_secrets=("x-hub-signature",),
    ),
    Verification(
        name="gitlab",  # as GitHub
        scheme=TokenScheme(header="x-gitlab-token"),
        event_id=event_ids.from_header("x-gitlab-event-uuid"),
        delivery="queued",
    ),
    Verification(
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
    Verification(
        name="shopify",  # gives up after 5 s, and may delete the subscription
        scheme=HmacScheme(header="x-shopify-hmac-sha256", other_header="shopify-hmac-sha256", encoding="base64"),
        event_id=event_ids.from_header("shopify-webhook-id", "x-shopify-event-id", "x-shopify-webhook-id"),
        delivery="queued",
    ),
    Verification(
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
        body_format="json-or-form",
    ),
    Verification(
        name="pagerduty",
        scheme=HmacScheme(header="x-pagerduty-signature", separator=",", prefix="v1="),
        event_id=event_ids.from_body("event", "id"),
        delivery="queued",  # gives up after seconds
    ),
    Verification(
        name="twilio",  # doesn't repeat a status callback
        scheme=TwilioScheme(),
        settings=TwilioSettings,
        event_id=event_ids.from_twilio,
        delivery="queued",
        body_format="json-or-form",
    ),
    Verification(
        name="grafana",
        scheme=HmacScheme(header="x-grafana-alerting-signature"),
        settings=GrafanaSettings,
        event_id=event_ids.from_alerts,
        item_id="fingerprint",
    ),
    Verification(
        name="alertmanager",
        scheme=AuthorizationScheme(),
        settings=AlertmanagerSettings,
        event_id=event_ids.from_alerts,
        item_id="fingerprint",
    ),
    Verification(
        name="sns",
        scheme=SnsScheme(),
        settings=SnsSettings,
        event_id=event_ids.from_body("MessageId"),
        has_secret=False,
    ),
    Verification(name="bearer", scheme=AuthorizationScheme(auth="bearer"), body_format="json-or-form"),
    Verification(name="basic", scheme=AuthorizationScheme(auth="basic"), body_format="json-or-form"),
    Verification(
        name="api-key", scheme=TokenScheme(header="x-api-key"), settings=TokenSettings, body_format="json-or-form"
    ),
    Verification(name="hmac", scheme=HmacScheme(), settings=HmacSettings, body_format="json-or-form"),
)

PRESETS: Mapping[str, Verification] = MappingProxyType({row.name: row for row in _ROWS})


def parse(value: str | Mapping[str, Any]) -> Verification:
    """Reads what stands under `verify:`, a preset's name or a mapping with `preset` and its settings.

    Returns the preset's row, with the settings in its scheme.

    Raises:
        ValueError: as pydantic.ValidationError where a field is wrong; it says the field and what was expected.
    """
    given = {"preset": value} if isinstance(value, str) else value
    name = given.get("preset") if isinstance(given, Mapping) else None
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"expected a preset, one of {', '.join(PRESETS)}")
    row = PRESETS[name]
    overrides = row.settings.model_validate(given).overrides()
    event_id = event_ids.from_header(overrides["id_header"]) if "id_header" in overrides else row.event_id
    return replace(row, scheme=replace(row.scheme, **overrides), event_id=event_id)
