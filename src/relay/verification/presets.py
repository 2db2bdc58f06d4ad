"""The table of senders: how each proves itself, identifies its events, and wants to be answered."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from relay.verification import event_ids
from relay.verification.credentials import AuthorizationScheme, TokenScheme
from relay.verification.event_ids import from_body, from_header
from relay.verification.handshakes import ANY, NOTHING, Handshake
from relay.verification.settings import (
    AddressSettings,
    AlertmanagerSettings,
    GrafanaSettings,
    HmacSettings,
    OpenSettings,
    QuerySettings,
    SnsSettings,
    TokenSettings,
    WindowSettings,
)
from relay.verification.signatures import SignatureScheme
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme
from relay.verification.verification import Verification

_CLOCK_SKEW = 5  # seconds that an honest sender's clock may be ahead of ours where the future is refused

_HUB_SIGNATURE = SignatureScheme(header="x-hub-signature", prefix="sha256=")
_ADYEN_ITEM = "notificationItems[].NotificationRequestItem"
_ADYEN_SIGNED = (
    "pspReference originalReference merchantAccountCode merchantReference amount.value amount.currency "
    "eventCode success"
)
# Where a row says `accepted=200`, the sender's documentation names 200 (or 204), and no other status, as success.
_queued = partial(Verification, delivery="queued")

_ROWS = (
    # Source: the Standard Webhooks specification (standardwebhooks.com).
    Verification(
        name="standard-webhooks",
        scheme=StandardWebhooksScheme(names="webhook"),
        settings=WindowSettings,
        event_id=from_header("webhook-id"),
    ),
    # Source: Svix's page "Verifying Webhooks Manually".
    Verification(
        name="svix",
        scheme=StandardWebhooksScheme(names="svix"),
        settings=WindowSettings,
        event_id=from_header("svix-id"),
    ),
    # GitHub gives up after 10 s and never tries again by itself.
    # Source: GitHub's pages "Validating webhook deliveries" and "Creating webhooks" (a form's field `payload`).
    Verification(
        name="github",
        scheme=SignatureScheme(header="x-hub-signature-256", prefix="sha256="),
        event_id=from_header("x-github-delivery"),
        delivery="queued",
        body_format="json-or-payload",
        unused_secrets=("x-hub-signature",),
    ),
    # GitLab switches off a webhook that is slow or fails.
    # Source: GitLab's page "Webhooks", its secret token and delivery headers.
    Verification(
        name="gitlab",
        scheme=TokenScheme(header="x-gitlab-token"),
        event_id=from_header("x-gitlab-event-uuid"),
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
        event_id=from_body("id"),
        delivery="queued",
    ),
    # Shopify gives up after 5 s and may delete the subscription. The headers without `x-` belong to its newer Events.
    # Source: Shopify's pages "Verify webhook deliveries", "Ignore duplicate webhooks" and "Verify Events deliveries".
    Verification(
        name="shopify",
        scheme=SignatureScheme(header="x-shopify-hmac-sha256", other_header="shopify-hmac-sha256", encoding="base64"),
        event_id=from_header("shopify-webhook-id", "x-shopify-event-id", "x-shopify-webhook-id"),
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
        event_id=from_body("event_id"),
        delivery="queued",
        body_format="json-or-form",
        handshakes=(Handshake(when={"field:type": "url_verification"}, answer="{field:challenge}"),),
    ),
    # PagerDuty gives up after seconds.
    # Source: PagerDuty's page "Verifying Signatures" for V3 webhooks.
    Verification(
        name="pagerduty",
        scheme=SignatureScheme(header="x-pagerduty-signature", separator=",", prefix="v1="),
        event_id=from_body("event.id"),
        delivery="queued",
    ),
    # Twilio doesn't repeat a status callback. TwilioScheme names the source.
    Verification(
        name="twilio",
        scheme=TwilioScheme(),
        settings=AddressSettings,
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
        event_id=from_body("MessageId"),
        has_secret=False,
    ),
    # Linear tries again with another `webhookTimestamp`, so a hash of the body would not do as the id.
    # Source: LinearWebhookClient in Linear's library for TypeScript (@linear/sdk 98).
    _queued(
        "linear",
        SignatureScheme(
            header="linear-signature",
            timestamp_field="webhookTimestamp",
            timestamp_format="milliseconds",
            tolerance=60,
        ),
        WindowSettings,
        from_body("data.id", "type", "action", "createdAt"),
        accepted=200,
    ),
    # Sentry gives up after 1 s and doesn't try again.
    # Source: Sentry's page "Webhooks" of its integration platform.
    _queued("sentry", SignatureScheme(header="sentry-hook-signature"), event_id=from_header("request-id")),
    # The body of a trigger is the user's own, so that a field `id` in it may be the id of a ticket.
    # Source: Zendesk's page "Verifying webhook authenticity".
    _queued(
        "zendesk",
        SignatureScheme(
            header="x-zendesk-webhook-signature",
            encoding="base64",
            signed="{timestamp}{body}",
            timestamp_header="x-zendesk-webhook-signature-timestamp",
            timestamp_format="iso8601",
        ),
        WindowSettings,
    ),
    # Source: Intercom's page "Signed notifications".
    _queued(
        "intercom",
        SignatureScheme(header="x-hub-signature", algorithm="sha1", prefix="sha1="),
        event_id=from_body("id"),
    ),
    # Source: Typeform's page "Secure your webhooks".
    _queued(
        "typeform",
        SignatureScheme(header="typeform-signature", encoding="base64", prefix="sha256="),
        event_id=from_body("event_id"),
    ),
    # Zoom gives up after 3 s. Its scheme is Slack's.
    # Source: Zoom's page "Using webhooks", its post "Resolving webhook delays", and @zoom/rivet 0.4.
    _queued(
        "zoom",
        SignatureScheme(
            header="x-zm-signature",
            prefix="v0=",
            timestamp_header="x-zm-request-timestamp",
            signed="v0:{timestamp}:{body}",
        ),
        WindowSettings,
        handshakes=(
            Handshake(
                when={"field:event": "endpoint.url_validation"},
                answer={
                    "plainToken": "{field:payload.plainToken}",
                    "encryptedToken": "{hmac-sha256-hex:field:payload.plainToken}",
                },
            ),
        ),
        accepted=200,
    ),
    # Mailgun takes only 200 for delivered, and tries again for 8 h.
    # Source: Mailgun's pages "Securing Webhooks" and "Automatic Retries".
    _queued(
        "mailgun",
        SignatureScheme(
            field="signature.signature",
            signed="{timestamp}{field:signature.token}",
            timestamp_field="signature.timestamp",
            tolerance=86_400,
            covers_body=False,
        ),
        WindowSettings,
        from_body("event-data.id"),
        accepted=200,
    ),
    # HubSpot counts its attempts in the body.
    # Source: HubSpot's page "Validating requests" (v3) and Signature in its library for Python (hubspot-api-client 12).
    _queued(
        "hubspot",
        SignatureScheme(
            header="x-hubspot-signature-v3",
            encoding="base64",
            signed="{method}{url}{body}{timestamp}",
            timestamp_header="x-hubspot-request-timestamp",
            timestamp_format="milliseconds",
        ),
        AddressSettings,
        from_body("[].eventId", "[].subscriptionId", "[].occurredAt"),
        unused_secrets=("x-hubspot-signature",),
    ),
    # Source: Square's page "Validate event notifications" and verify_signature in its library for Python (squareup 46).
    _queued(
        "square",
        SignatureScheme(header="x-square-hmacsha256-signature", encoding="base64", signed="{url}{body}"),
        AddressSettings,
        from_body("event_id"),
        unused_secrets=("x-square-signature",),
    ),
    # Discord gives up after 3 s, and tries again for up to 10 minutes.
    # Source: Discord's page "Webhook Events" and verify_key in its library for Python (discord-interactions 0.4).
    _queued(
        "discord",
        SignatureScheme(
            header="x-signature-ed25519",
            algorithm="ed25519",
            signed="{timestamp}{body}",
            timestamp_header="x-signature-timestamp",
            tolerance=900,
            key_encoding="hex",
        ),
        WindowSettings,
        handshakes=(Handshake(when={"field:type": "0"}, status=204),),
        accepted=200,
    ),
    # SendGrid sends lists of events. It documents no window, and a signature may be as old as its last attempt.
    # Source: EventWebhook in SendGrid's library for Python (sendgrid 6.12).
    _queued(
        "sendgrid",
        SignatureScheme(
            header="x-twilio-email-event-webhook-signature",
            algorithm="ecdsa-p256-sha256",
            encoding="base64",
            signed="{timestamp}{body}",
            timestamp_header="x-twilio-email-event-webhook-timestamp",
            tolerance=86_400,
            key_encoding="base64",
        ),
        WindowSettings,
        from_body("[].sg_event_id"),
        item_id="sg_event_id",
    ),
    # Source: Bitbucket Cloud's pages "Manage webhooks" and "Event payloads".
    _queued("bitbucket", _HUB_SIGNATURE, event_id=from_header("x-request-uuid")),
    # Source: Jira Cloud's page "Webhooks", its secure admin webhooks.
    _queued("jira", _HUB_SIGNATURE, event_id=from_header("x-atlassian-webhook-identifier")),
    # DocuSign counts its attempts in the body. It signs by each key of the account, in a header each.
    # Source: DocuSign's post "Manually authenticating HMAC signatures for Connect".
    _queued(
        "docusign",
        SignatureScheme(header="x-docusign-signature-1", encoding="base64"),
        event_id=from_body("data.envelopeId", "event", "data.recipientId", "generatedDateTime"),
        unused_secrets=tuple(f"x-docusign-signature-{number}" for number in range(2, 10)),
    ),
    # Source: Vercel's page "Webhooks".
    _queued("vercel", SignatureScheme(header="x-vercel-signature", algorithm="sha1"), event_id=from_body("id")),
    # Source: Calendly's page "Webhook Signatures", which recommends 3 minutes.
    _queued(
        "calendly",
        SignatureScheme(
            header="calendly-webhook-signature",
            separator=",",
            prefix="v1=",
            timestamp_prefix="t=",
            signed="{timestamp}.{body}",
            tolerance=180,
        ),
        WindowSettings,
    ),
    # LaunchDarkly tries again only once.
    # Source: LaunchDarkly's page "Webhooks".
    _queued("launchdarkly", SignatureScheme(header="x-ld-signature"), event_id=from_body("_id")),
    # The body is the user's own.
    # Source: Checkly's page "Webhooks", its webhook secrets.
    _queued("checkly", SignatureScheme(header="x-checkly-signature")),
    # Source: Meta's page "Create a webhook endpoint" (WhatsApp), and WhatsApp's own library for Node.js.
    _queued(
        "meta",
        SignatureScheme(header="x-hub-signature-256", prefix="sha256="),
        handshakes=(
            Handshake(
                method="GET",
                when={"query:hub.mode": "subscribe", "query:hub.challenge": ANY},
                proof="query:hub.verify_token",
                answer="{query:hub.challenge}",
            ),
        ),
        unused_secrets=("x-hub-signature",),
        accepted=200,
    ),
    # A notification only names the accounts, so that the next one may be the same. The gateway's own id of the request
    # makes them two events, unless the second comes within the time in which a repetition counts as one.
    # Source: Dropbox' page "Webhooks".
    _queued(
        "dropbox",
        SignatureScheme(header="x-dropbox-signature"),
        event_id=from_header("x-amzn-trace-id"),
        handshakes=(Handshake(method="GET", when={"query:challenge": ANY}, proof=NOTHING, answer="{query:challenge}"),),
        accepted=200,
    ),
    # Okta gives up after 3 s and tries again only once.
    # Source: Okta's page "Event Hooks".
    _queued(
        "okta",
        TokenScheme(header="authorization"),
        event_id=from_body("eventId"),
        handshakes=(
            Handshake(
                method="GET",
                when={"header:x-okta-verification-challenge": ANY},
                answer={"verification": "{header:x-okta-verification-challenge}"},
            ),
        ),
        accepted=200,
    ),
    # Source: Microsoft's page "Receive change notifications through webhooks".
    _queued(
        "microsoft-graph",
        TokenScheme(field="value[].clientState"),
        event_id=from_body("value[].id"),
        item_id="id",
        handshakes=(Handshake(when={"query:validationToken": ANY}, proof=NOTHING, answer="{query:validationToken}"),),
    ),
    # The body is a list of events, or one event of the CloudEvents schema.
    # Source: Microsoft's page "Webhook event delivery" and the CloudEvents specification, "HTTP 1.1 Web Hooks".
    _queued(
        "event-grid",
        TokenScheme(query="code"),
        QuerySettings,
        event_ids.FirstOf((from_body("[].id"), from_body("id"))),
        item_id="id",
        handshakes=(
            Handshake(
                when={"field:[].eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"},
                answer={"validationResponse": "{field:[].data.validationCode}"},
            ),
            Handshake(
                method="OPTIONS",
                when={"header:webhook-request-origin": ANY},
                headers={"WebHook-Allowed-Origin": "{header:webhook-request-origin}", "WebHook-Allowed-Rate": "*"},
            ),
        ),
    ),
    # The signature covers these fields of the only item, and no others.
    # Source: generate_notification_sig in Adyen's library for Python (Adyen 16), and its page "Verify HMAC signatures".
    _queued(
        "adyen",
        SignatureScheme(
            field=f"{_ADYEN_ITEM}.additionalData.hmacSignature",
            encoding="base64",
            signed=":".join(f"{{field:{_ADYEN_ITEM}.{name}}}" for name in _ADYEN_SIGNED.split()),
            key_encoding="hex",
            covers_body=False,
        ),
        event_id=from_body(*(f"{_ADYEN_ITEM}.{name}" for name in ("pspReference", "eventCode", "success"))),
    ),
    # Source: PaddleSignature and Verifier in Paddle's library for Python (paddle-python-sdk 1.16), which takes 5 s.
    _queued(
        "paddle",
        SignatureScheme(
            header="paddle-signature",
            separator=";",
            prefix="h1=",
            timestamp_prefix="ts=",
            signed="{timestamp}:{body}",
            tolerance=60,
        ),
        WindowSettings,
        from_body("event_id"),
        accepted=200,
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
    event_id = from_header(overrides["id_header"]) if "id_header" in overrides else row.event_id
    made = replace(row, scheme=replace(row.scheme, **overrides), event_id=event_id)
    if isinstance(settings, OpenSettings):
        return replace(made, handshakes=settings.handshakes, accepted=settings.accepted)
    return made
