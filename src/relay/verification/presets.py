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
from relay.verification.json_web_tokens import TokenOfKeySetScheme
from relay.verification.paypal import PaypalScheme
from relay.verification.signatures import SignatureScheme
from relay.verification.sns import SnsScheme
from relay.verification.standard_webhooks import StandardWebhooksScheme
from relay.verification.twilio import TwilioScheme
from relay.verification.verification import Verification

_CLOCK_SKEW = 5  # seconds that an honest sender's clock may be ahead of ours where the future is refused

_HUB_SIGNATURE = SignatureScheme(header="x-hub-signature", prefix="sha256=")
_ADYEN_ITEM = "notificationItems[].NotificationRequestItem"
_ADYEN_SIGNED = (
    *("pspReference", "originalReference", "merchantAccountCode", "merchantReference"),
    *("amount.value", "amount.currency", "eventCode", "success"),
)
_queued = partial(Verification, delivery="queued")

# A row's comment names its source, and then what isn't plain. Where a row says `accepted=200`, the sender's
# documentation calls 200 (or 204), and no other status, a success.
# fmt: off
_ROWS = (
    # The Standard Webhooks specification (standardwebhooks.com).
    Verification("standard-webhooks", StandardWebhooksScheme("webhook"), "WindowSettings", from_header("webhook-id")),
    # Svix's page "Verifying Webhooks Manually".
    Verification("svix", StandardWebhooksScheme("svix"), "WindowSettings", from_header("svix-id")),
    # GitHub's pages "Validating webhook deliveries" and "Creating webhooks" (a form's field `payload`). It gives up
    # after 10 s and never tries again by itself.
    _queued("github", SignatureScheme(header="x-hub-signature-256", prefix="sha256="),
            event_id=from_header("x-github-delivery"), body_format="json-or-payload",
            unused_secrets=("x-hub-signature",)),
    # GitLab's page "Webhooks", its secret token and delivery headers. It switches off a webhook that is slow or fails.
    _queued("gitlab", TokenScheme(header="x-gitlab-token"), event_id=from_header("x-gitlab-event-uuid")),
    # WebhookSignature in Stripe's library for Python. Stripe asks for a quick answer.
    _queued("stripe", SignatureScheme(
                header="stripe-signature", separator=",", prefix="v1=", timestamp_prefix="t=",
                signed="{timestamp}.{body}", future=_CLOCK_SKEW),
            "WindowSettings", from_body("id")),
    # Shopify's pages "Verify webhook deliveries", "Ignore duplicate webhooks" and "Verify Events deliveries". The
    # headers without `x-` belong to its newer Events. It gives up after 5 s and may delete the subscription.
    _queued("shopify", SignatureScheme(
                header="x-shopify-hmac-sha256", other_header="shopify-hmac-sha256", encoding="base64"),
            event_id=from_header("shopify-webhook-id", "x-shopify-event-id", "x-shopify-webhook-id")),
    # Slack's page "Verifying requests from Slack". It gives up after 3 s.
    _queued("slack", SignatureScheme(
                header="x-slack-signature", prefix="v0=", timestamp_header="x-slack-request-timestamp",
                signed="v0:{timestamp}:{body}"),
            "WindowSettings", from_body("event_id"), body_format="json-or-form", handshakes=(
                Handshake(when={"field:type": "url_verification"}, answer="{field:challenge}"),)),
    # PagerDuty's page "Verifying Signatures" for V3 webhooks. It gives up after seconds.
    _queued("pagerduty", SignatureScheme(header="x-pagerduty-signature", separator=",", prefix="v1="),
            event_id=from_body("event.id")),
    # TwilioScheme names the source. Twilio doesn't repeat a status callback.
    _queued("twilio", TwilioScheme(), "AddressSettings", event_ids.from_twilio, body_format="json-or-form",
            complete=False),
    # Grafana's page "Configure webhook notifications", its HMAC signature.
    Verification("grafana", SignatureScheme(header="x-grafana-alerting-signature"), "GrafanaSettings",
                 event_ids.from_alerts, item_id="fingerprint"),
    # Prometheus' page "Alerting: Configuration", `webhook_config` and `http_config`.
    Verification("alertmanager", AuthorizationScheme(), "AlertmanagerSettings", event_ids.from_alerts,
                 item_id="fingerprint"),
    # SnsScheme names the source.
    Verification("sns", SnsScheme(), "SnsSettings", from_body("MessageId"), complete=False, has_secret=False),
    # LinearWebhookClient in Linear's library for TypeScript (@linear/sdk 98). It tries again with another
    # `webhookTimestamp`, so a hash of the body would not do as the id.
    _queued("linear", SignatureScheme(
                header="linear-signature", timestamp_field="webhookTimestamp", timestamp_format="milliseconds",
                tolerance=60),
            "WindowSettings", from_body("data.id", "type", "action", "createdAt"), accepted=200),
    # Sentry's page "Webhooks" of its integration platform. It gives up after 1 s and doesn't try again.
    _queued("sentry", SignatureScheme(header="sentry-hook-signature"), event_id=from_header("request-id")),
    # Zendesk's page "Verifying webhook authenticity". A trigger's body is the user's own, and its `id` may be a
    # ticket's.
    _queued("zendesk", SignatureScheme(
                header="x-zendesk-webhook-signature", encoding="base64", signed="{timestamp}{body}",
                timestamp_header="x-zendesk-webhook-signature-timestamp", timestamp_format="iso8601"),
            "WindowSettings"),
    # Intercom's page "Signed notifications".
    _queued("intercom", SignatureScheme(header="x-hub-signature", algorithm="sha1", prefix="sha1="),
            event_id=from_body("id")),
    # Typeform's page "Secure your webhooks".
    _queued("typeform", SignatureScheme(header="typeform-signature", encoding="base64", prefix="sha256="),
            event_id=from_body("event_id")),
    # Zoom's page "Using webhooks", its post "Resolving webhook delays", and @zoom/rivet 0.4. It gives up after 3 s.
    _queued("zoom", SignatureScheme(
                header="x-zm-signature", prefix="v0=", timestamp_header="x-zm-request-timestamp",
                signed="v0:{timestamp}:{body}"),
            "WindowSettings", accepted=200, handshakes=(
                Handshake(when={"field:event": "endpoint.url_validation"},
                          answer={"plainToken": "{field:payload.plainToken}",
                                  "encryptedToken": "{hmac-sha256-hex:field:payload.plainToken}"}),)),
    # Mailgun's pages "Securing Webhooks" and "Automatic Retries". It tries again for 8 h.
    _queued("mailgun", SignatureScheme(
                field="signature.signature", signed="{timestamp}{field:signature.token}",
                timestamp_field="signature.timestamp", tolerance=86_400, covers_body=False),
            "WindowSettings", from_body("event-data.id"), accepted=200),
    # HubSpot's page "Validating requests" (v3) and Signature in its library for Python (hubspot-api-client 12). It
    # counts its attempts in the body.
    _queued("hubspot", SignatureScheme(
                header="x-hubspot-signature-v3", encoding="base64", signed="{method}{url}{body}{timestamp}",
                timestamp_header="x-hubspot-request-timestamp", timestamp_format="milliseconds"),
            "AddressSettings", from_body("[].eventId", "[].subscriptionId", "[].occurredAt"), complete=False,
            unused_secrets=("x-hubspot-signature",)),
    # Square's page "Validate event notifications" and verify_signature in its library for Python (squareup 46).
    _queued("square", SignatureScheme(
                header="x-square-hmacsha256-signature", encoding="base64", signed="{url}{body}"),
            "AddressSettings", from_body("event_id"), complete=False, unused_secrets=("x-square-signature",)),
    # Discord's page "Webhook Events" and verify_key in its library for Python (discord-interactions 0.4). It gives up
    # after 3 s, and tries again for up to 10 minutes.
    _queued("discord", SignatureScheme(
                header="x-signature-ed25519", algorithm="ed25519", key_encoding="hex", signed="{timestamp}{body}",
                timestamp_header="x-signature-timestamp", tolerance=900),
            "WindowSettings", accepted=200, handshakes=(Handshake(when={"field:type": "0"}, status=204),)),
    # EventWebhook in SendGrid's library for Python (sendgrid 6.12). It documents no window, and a signature may be as
    # old as its last attempt.
    _queued("sendgrid", SignatureScheme(
                header="x-twilio-email-event-webhook-signature", algorithm="ecdsa-p256-sha256", encoding="base64",
                key_encoding="base64", signed="{timestamp}{body}", tolerance=86_400,
                timestamp_header="x-twilio-email-event-webhook-timestamp"),
            "WindowSettings", from_body("[].sg_event_id"), item_id="sg_event_id"),
    # Bitbucket Cloud's pages "Manage webhooks" and "Event payloads".
    _queued("bitbucket", _HUB_SIGNATURE, event_id=from_header("x-request-uuid")),
    # Jira Cloud's page "Webhooks", its secure admin webhooks.
    _queued("jira", _HUB_SIGNATURE, event_id=from_header("x-atlassian-webhook-identifier")),
    # DocuSign's post "Manually authenticating HMAC signatures for Connect". It has a header for each key of the
    # account, and counts its attempts in the body.
    _queued("docusign", SignatureScheme(header="x-docusign-signature-1", encoding="base64"),
            event_id=from_body("data.envelopeId", "event", "data.recipientId", "generatedDateTime"),
            unused_secrets=tuple(f"x-docusign-signature-{number}" for number in range(2, 10))),
    # Vercel's page "Webhooks".
    _queued("vercel", SignatureScheme(header="x-vercel-signature", algorithm="sha1"), event_id=from_body("id")),
    # Calendly's page "Webhook Signatures", which recommends 3 minutes.
    _queued("calendly", SignatureScheme(
                header="calendly-webhook-signature", separator=",", prefix="v1=", timestamp_prefix="t=",
                signed="{timestamp}.{body}", tolerance=180),
            "WindowSettings"),
    # LaunchDarkly's page "Webhooks". It tries again only once.
    _queued("launchdarkly", SignatureScheme(header="x-ld-signature"), event_id=from_body("_id")),
    # Checkly's page "Webhooks", its webhook secrets. The body is the user's own.
    _queued("checkly", SignatureScheme(header="x-checkly-signature")),
    # Meta's page "Create a webhook endpoint" (WhatsApp), and WhatsApp's own library for Node.js.
    _queued("meta", SignatureScheme(header="x-hub-signature-256", prefix="sha256="), accepted=200, handshakes=(
                Handshake(method="GET", when={"query:hub.mode": "subscribe", "query:hub.challenge": ANY},
                          proof="query:hub.verify_token", answer="{query:hub.challenge}"),),
            unused_secrets=("x-hub-signature",)),
    # Dropbox' page "Webhooks". A notification only names the accounts, so that the next one may be the same. The
    # gateway's id of the request makes them two events, unless the second comes while a repetition counts as one.
    _queued("dropbox", SignatureScheme(header="x-dropbox-signature"), event_id=from_header("x-amzn-trace-id"),
            accepted=200, handshakes=(
                Handshake(method="GET", when={"query:challenge": ANY}, proof=NOTHING, answer="{query:challenge}"),)),
    # Okta's page "Event Hooks". It gives up after 3 s and tries again only once.
    _queued("okta", TokenScheme(header="authorization"), event_id=from_body("eventId"), accepted=200, handshakes=(
                Handshake(method="GET", when={"header:x-okta-verification-challenge": ANY},
                          answer={"verification": "{header:x-okta-verification-challenge}"}),)),
    # Microsoft's page "Receive change notifications through webhooks".
    _queued("microsoft-graph", TokenScheme(field="value[].clientState"), event_id=from_body("value[].id"), item_id="id",
            handshakes=(
                Handshake(when={"query:validationToken": ANY}, proof=NOTHING, answer="{query:validationToken}"),)),
    # Microsoft's page "Webhook event delivery" and the CloudEvents specification, "HTTP 1.1 Web Hooks".
    _queued("event-grid", TokenScheme(query="code"), "QuerySettings", from_body("[].id"), item_id="id", handshakes=(
                Handshake(when={"field:[].eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"},
                          answer={"validationResponse": "{field:[].data.validationCode}"}),
                Handshake(method="OPTIONS", when={"header:webhook-request-origin": ANY}, headers={
                              "WebHook-Allowed-Origin": "{header:webhook-request-origin}",
                              "WebHook-Allowed-Rate": "*"}))),
    # Google's page "Authentication for push subscriptions".
    _queued("pubsub", TokenOfKeySetScheme(
                key_set="https://www.googleapis.com/oauth2/v3/certs",
                issuers=("https://accounts.google.com", "accounts.google.com")),
            "PubSubSettings", from_body("message.messageId"), complete=False, has_secret=False),
    # generate_notification_sig in Adyen's library for Python (Adyen 16), and its page "Verify HMAC signatures". The
    # signature covers these fields of the only item, and no others.
    _queued("adyen", SignatureScheme(
                field=f"{_ADYEN_ITEM}.additionalData.hmacSignature", encoding="base64", key_encoding="hex",
                signed=":".join(f"{{field:{_ADYEN_ITEM}.{name}}}" for name in _ADYEN_SIGNED), covers_body=False),
            event_id=from_body(*(f"{_ADYEN_ITEM}.{name}" for name in ("pspReference", "eventCode", "success")))),
    # PaypalScheme names the source.
    _queued("paypal", PaypalScheme(), "PaypalSettings", from_body("id"), complete=False, has_secret=False),
    # PaddleSignature and Verifier in Paddle's library for Python (paddle-python-sdk 1.16), which takes 5 s.
    _queued("paddle", SignatureScheme(
                header="paddle-signature", separator=";", prefix="h1=", timestamp_prefix="ts=",
                signed="{timestamp}:{body}", tolerance=60),
            "WindowSettings", from_body("event_id"), accepted=200),
    # The rest is for any other sender.
    Verification("bearer", AuthorizationScheme("bearer"), "OpenSettings", body_format="json-or-form"),
    Verification("basic", AuthorizationScheme("basic"), "OpenSettings", body_format="json-or-form"),
    Verification("api-key", TokenScheme(header="x-api-key"), "TokenSettings", body_format="json-or-form"),
    Verification("hmac", SignatureScheme(), "HmacSettings", body_format="json-or-form", complete=False),
    Verification("public-key", SignatureScheme(key_encoding="pem"), "PublicKeySettings", body_format="json-or-form",
                 complete=False),
    Verification("jwt", TokenOfKeySetScheme(), "TokenOfKeySetSettings", body_format="json-or-form", complete=False,
                 has_secret=False),
)
# fmt: on

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
    if given.keys() == {"preset"} and row.complete:
        return row
    settings = row.model.model_validate(given)
    overrides = settings.overrides()
    event_id = from_header(overrides["id_header"]) if "id_header" in overrides else row.event_id
    return replace(row, scheme=replace(row.scheme, **overrides), event_id=event_id, **settings.of_row())
