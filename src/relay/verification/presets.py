"""The table of senders: how each proves itself, identifies its events, and wants to be answered."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from relay.verification import event_ids
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.handshakes import Handshake
from relay.verification.settings import (
    AlertmanagerSettings,
    GrafanaSettings,
    HmacSettings,
    OpenSettings,
    SnsSettings,
    TokenSettings,
    TwilioSettings,
    WindowSettings,
)
from relay.verification.signatures import SignatureScheme
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme
from relay.verification.verification import Verification

_CLOCK_SKEW = 5  # seconds that an honest sender's clock may be ahead of ours where the future is refused

_ROWS = (
    # Source: the Standard Webhooks specification (standardwebhooks.com).
    Verification(
        name="standard-webhooks",
        scheme=StandardWebhooksScheme(names="webhook"),
        settings=WindowSettings,
        event_id=event_ids.from_header("webhook-id"),
    ),
    # Source: Svix's page "Verifying Webhooks Manually".
    Verification(
        name="svix",
        scheme=StandardWebhooksScheme(names="svix"),
        settings=WindowSettings,
        event_id=event_ids.from_header("svix-id"),
    ),
    # GitHub gives up after 10 s and never tries again by itself.
    # Source: GitHub's pages "Validating webhook deliveries" and "Creating webhooks" (a form's field `payload`).
    Verification(
        name="github",
        scheme=SignatureScheme(header="x-hub-signature-256", prefix="sha256="),
        event_id=event_ids.from_header("x-github-delivery"),
        delivery="queued",
        body_format="json-or-payload",
        unused_secrets=("x-hub-signature",),
    ),
    # GitLab switches off a webhook that is slow or fails.
    # Source: GitLab's page "Webhooks", its secret token and delivery headers.
    Verification(
        name="gitlab",
        scheme=TokenScheme(header="x-gitlab-token"),
        event_id=event_ids.from_header("x-gitlab-event-uuid"),
        delivery="queued",
    ),
    # Stripe asks for a quick answer.
    # Source: WebhookSignature in Stripe's library for Python.
    Verification(
        name="stripe",
        scheme=SignatureScheme(
            header="stripe-signature",
            separator=",",
            prefix="v1=",
            timestamp_prefix="t=",
            signed="{timestamp}.{body}",
            future=_CLOCK_SKEW,
        ),
        settings=WindowSettings,
        event_id=event_ids.from_body("id"),
        delivery="queued",
    ),
    # Shopify gives up after 5 s and may delete the subscription. The headers without `x-` belong to its newer Events.
    # Source: Shopify's pages "Verify webhook deliveries", "Ignore duplicate webhooks" and "Verify Events deliveries".
    Verification(
        name="shopify",
        scheme=SignatureScheme(header="x-shopify-hmac-sha256", other_header="shopify-hmac-sha256", encoding="base64"),
        event_id=event_ids.from_header("shopify-webhook-id", "x-shopify-event-id", "x-shopify-webhook-id"),
        delivery="queued",
    ),
    # Slack gives up after 3 s.
    # Source: Slack's pages "Verifying requests from Slack" and "url_verification event".
    Verification(
        name="slack",
        scheme=SignatureScheme(
            header="x-slack-signature",
            prefix="v0=",
            timestamp_header="x-slack-request-timestamp",
            signed="v0:{timestamp}:{body}",
        ),
        settings=WindowSettings,
        event_id=event_ids.from_body("event_id"),
        delivery="queued",
        body_format="json-or-form",
        handshakes=(Handshake(when={"field:type": "url_verification"}, answer="{field:challenge}"),),
    ),
    # PagerDuty gives up after seconds.
    # Source: PagerDuty's page "Verifying Signatures" for V3 webhooks.
    Verification(
        name="pagerduty",
        scheme=SignatureScheme(header="x-pagerduty-signature", separator=",", prefix="v1="),
        event_id=event_ids.from_body("event", "id"),
        delivery="queued",
    ),
    # Twilio doesn't repeat a status callback. TwilioScheme names the source.
    Verification(
        name="twilio",
        scheme=TwilioScheme(),
        settings=TwilioSettings,
        event_id=event_ids.from_twilio,
        delivery="queued",
        body_format="json-or-form",
    ),
    # Source: Grafana's page "Configure webhook notifications", its HMAC signature.
    Verification(
        name="grafana",
        scheme=SignatureScheme(header="x-grafana-alerting-signature"),
        settings=GrafanaSettings,
        event_id=event_ids.from_alerts,
        item_id="fingerprint",
    ),
    # Source: Prometheus' page "Alerting: Configuration", `webhook_config` and `http_config`.
    Verification(
        name="alertmanager",
        scheme=AuthorizationScheme(),
        settings=AlertmanagerSettings,
        event_id=event_ids.from_alerts,
        item_id="fingerprint",
    ),
    # SnsScheme names the source.
    Verification(
        name="sns",
        scheme=SnsScheme(),
        settings=SnsSettings,
        event_id=event_ids.from_body("MessageId"),
        has_secret=False,
    ),
    # The rest is for any other sender.
    Verification(
        name="bearer", scheme=AuthorizationScheme(auth="bearer"), settings=OpenSettings, body_format="json-or-form"
    ),
    Verification(
        name="basic", scheme=AuthorizationScheme(auth="basic"), settings=OpenSettings, body_format="json-or-form"
    ),
    Verification(
        name="api-key",
        scheme=TokenScheme(header="x-api-key"),
        settings=TokenSettings,
        body_format="json-or-form",
    ),
    Verification(name="hmac", scheme=SignatureScheme(), settings=HmacSettings, body_format="json-or-form"),
)

PRESETS: Mapping[str, Verification] = MappingProxyType({row.name: row for row in _ROWS})


def parse(value: str | Mapping[str, Any]) -> Verification:
    """Reads the value of `verify:`, a preset's name or a mapping with `preset` and its settings.

    Returns the preset's row with these settings in its scheme.

    Raises:
        ValueError: there is no such preset. A wrong setting raises its subclass pydantic.ValidationError, which names
            the field and what was expected.
    """
    given = {"preset": value} if isinstance(value, str) else value
    name = given.get("preset") if isinstance(given, Mapping) else None
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"expected a preset, one of {', '.join(PRESETS)}")
    row = PRESETS[name]
    settings = row.settings.model_validate(given)
    overrides = settings.overrides()
    event_id = event_ids.from_header(overrides["id_header"]) if "id_header" in overrides else row.event_id
    made = replace(row, scheme=replace(row.scheme, **overrides), event_id=event_id)
    if isinstance(settings, OpenSettings):
        return replace(made, handshakes=settings.handshakes, accepted=settings.accepted)
    return made
