"""Renews event files: a new id, the present time and a matching signature, as if the sender had just sent them."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from relay.problems import NotAuthenticated
from relay.verification import Verification, parse
from relay.verification.inbound import InboundRequest
from relay.verification.twilio import TwilioScheme
from sandbox import local_sns
from sandbox.signing import CannotSign, put_at, sealed, sign, signed_query

EventFile = dict[str, Any]
Rename = Callable[[EventFile, str, datetime], EventFile]

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Sources:
    """relay.yaml and the secrets file, asked by source."""

    config: Mapping[str, Any]
    secrets: Mapping[str, Any]

    def verify_of(self, source: str) -> str | Mapping[str, Any]:
        settings = (self.config.get("sources") or {}).get(source)
        if not settings:
            raise CannotSign(source, "the configuration has no such source; docs/senders has one to paste")
        found: str | Mapping[str, Any] = settings["verify"]
        return found

    def secret_of(self, source: str) -> str:
        """The secret to sign with. While secrets rotate, it is the first one that can sign."""
        found = (self.secrets.get("sources") or {}).get(source, "")
        candidates = [found] if isinstance(found, str) else found
        return next((secret for secret in candidates if not secret.startswith("whpk_")), "")


def renewed(event: EventFile, sources: Sources, now: datetime) -> EventFile:
    """Another event of the same kind, sent at `now`. Its id is new wherever this sender puts it."""
    return _signed(event, sources, now, secrets.token_hex(16))


def resigned(event: EventFile, sources: Sources) -> EventFile:
    """The same event with the right signature. Ids and time stay."""
    now = datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC)
    return _signed(event, sources, now, None)


def body_of(event: EventFile) -> bytes:
    """The body as it was sent."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _signed(event: EventFile, sources: Sources, now: datetime, fresh_id: str | None) -> EventFile:
    source = event["pathParameters"]["source"]
    verify = sources.verify_of(source)
    verification = parse(verify)
    secret = sources.secret_of(source)
    body = _sealed(_body(event, verification, fresh_id, now), verify, secret, now)
    query = signed_query(verify, secret, _query(event.get("rawQueryString", ""), body))
    event_id = fresh_id or _header_id(event, verification)
    headers = sign(
        source,
        verify,
        secret,
        body,
        event_id=event_id,
        now=now,
        url=_public_url(verification, query),
    )
    return event | {
        "rawQueryString": query,
        "headers": event["headers"] | headers | {"content-length": str(len(body))},
        "requestContext": event["requestContext"] | _time(now),
        "body": base64.b64encode(body).decode() if event.get("isBase64Encoded") else body.decode(),
    }


def _body(event: EventFile, verification: Verification, fresh_id: str | None, now: datetime) -> bytes:
    try:
        return _renamed(event, verification, fresh_id, now)
    except (ValueError, LookupError, TypeError, AttributeError):
        return body_of(event)  # this sender sends other bodies; the relay shall judge it as it is


def _sealed(body: bytes, verify: str | Mapping[str, Any], secret: str, now: datetime) -> bytes:
    try:
        return sealed(verify, secret, body, now)
    except (ValueError, LookupError, TypeError, NotAuthenticated):
        return body


def _renamed(event: EventFile, verification: Verification, fresh_id: str | None, now: datetime) -> bytes:
    body, name = body_of(event), verification.name
    if name == "sns":
        message = json.loads(body)
        return _dumped(local_sns.signed(_rename_sns(message, fresh_id, now) if fresh_id else message))
    if fresh_id is None:
        return body
    rename = _RENAMES.get(event["pathParameters"]["source"]) or _RENAMES.get(name, _rename_id)
    if event["headers"].get("content-type", "").startswith(_FORM):
        return urlencode(rename(dict(parse_qsl(body.decode(), keep_blank_values=True)), fresh_id, now)).encode()
    return _dumped(rename(json.loads(body), fresh_id, now))


def _header_id(event: EventFile, verification: Verification) -> str:
    """The event's id if a header carries it. An id in the body is signed with the body."""
    request = InboundRequest("POST", event["rawPath"], "", event["headers"], b"", datetime.now(UTC))
    return verification.event_id(request, None) or ""


def _query(query: str, body: bytes) -> str:
    """The query, with the `bodySHA256` of this body if it has that field (Twilio's JSON)."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if "bodySHA256" not in dict(pairs):
        return query
    digest = hashlib.sha256(body).hexdigest()
    return urlencode([(name, digest if name == "bodySHA256" else value) for name, value in pairs])


def _public_url(verification: Verification, query: str) -> str | None:
    scheme = verification.scheme
    return f"{scheme.public_url}?{query}" if isinstance(scheme, TwilioScheme) else None


def _time(now: datetime) -> EventFile:
    return {"time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"), "timeEpoch": int(now.timestamp() * 1000)}


def _dumped(body: EventFile) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _rename_id(body: EventFile, fresh_id: str, _now: datetime) -> EventFile:
    """Changes an id only if there is one. Other senders' events are told apart by a header or by the whole body."""
    return body | {"id": fresh_id} if isinstance(body.get("id"), str) else body


def _rename_stripe(body: EventFile, fresh_id: str, now: datetime) -> EventFile:
    return body | {"id": f"evt_{fresh_id}", "created": int(now.timestamp())}


def _rename_slack(body: EventFile, fresh_id: str, _now: datetime) -> EventFile:
    """A Slack command has no event id, but a trigger id of its own."""
    fresh = {"event_id": f"Ev{fresh_id}", "trigger_id": f"1793608.1.{fresh_id}"}
    return body | {name: value for name, value in fresh.items() if name in body}


def _rename_pagerduty(body: EventFile, fresh_id: str, now: datetime) -> EventFile:
    return body | {"event": body["event"] | {"id": fresh_id, "occurred_at": _iso(now)}}


def _rename_twilio(body: EventFile, fresh_id: str, _now: datetime) -> EventFile:
    return body | {name: f"{body[name][:2]}{fresh_id}" for name in ("MessageSid", "SmsSid", "CallSid") if name in body}


def _rename_alerts(body: EventFile, _fresh_id: str, now: datetime) -> EventFile:
    """An alert that started at another time is another alert."""
    return body | {"alerts": [alert | {"startsAt": _iso(now)} for alert in body["alerts"]]}


def _rename_sns(body: EventFile, fresh_id: str, now: datetime) -> EventFile:
    return body | {"MessageId": fresh_id, "Timestamp": _iso(now)}


def _touch_repository(body: EventFile, _fresh_id: str, now: datetime) -> EventFile:
    """GitHub's id is a header that isn't signed, so the same body would be the same event for a while."""
    return body | {"repository": body["repository"] | {"updated_at": _iso(now)}}


def _touch_order(body: EventFile, _fresh_id: str, now: datetime) -> EventFile:
    """Shopify's id isn't signed, either."""
    return body | {"updated_at": _iso(now)}


def _keep(body: EventFile, _fresh_id: str, _now: datetime) -> EventFile:
    return body


def _set(*paths: str, to: Callable[[str, datetime], str | int] = lambda fresh_id, _now: fresh_id) -> Rename:
    """Sets the fields at these paths, by default to the new id."""

    def rename(body: EventFile, fresh_id: str, now: datetime) -> EventFile:
        for path in paths:
            put_at(body, path, to(fresh_id, now))
        return body

    return rename


def _number(fresh_id: str, _now: datetime) -> int:
    return int(fresh_id[:12], 16)


def _time_of(_fresh_id: str, now: datetime) -> str:
    return _iso(now)


def _iso(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


# By preset or, for senders with a token, by source.
_RENAMES: dict[str, Rename] = {
    "github": _touch_repository,
    "gitlab": _keep,  # a header carries the event's id; `id` is the id of something else
    "shopify": _touch_order,
    "stripe": _rename_stripe,
    "slack": _rename_slack,
    "pagerduty": _rename_pagerduty,
    "twilio": _rename_twilio,
    "grafana": _rename_alerts,
    "alertmanager": _rename_alerts,
    "linear": _set("data.id"),
    "sentry": _set("data.event.event_id"),  # its id is a header that isn't signed, as for GitHub
    "typeform": _set("event_id"),
    "zoom": _set("payload.object.uuid"),
    "mailgun": _set("event-data.id"),
    "hubspot": _set("[].eventId", to=_number),
    "square": _set("event_id"),
    "discord": _set("event.timestamp", to=_time_of),
    "sendgrid": _set("[].sg_event_id"),
    "bitbucket": _set("commit_status.updated_on", to=_time_of),
    "jira": _set("timestamp", to=_number),
    "docusign": _set("generatedDateTime", to=_time_of),
    "calendly": _set("created_at", to=_time_of),
    "launchdarkly": _set("_id"),
    "meta": _set("entry[].changes[].value.messages[].id"),
    "dropbox": lambda body, fresh_id, now: body | {"delta": {"users": [_number(fresh_id, now)]}},
    "okta": _set("eventId"),
    "microsoft-graph": _set("value[].id"),
    "event-grid": _set("[].id"),
    "pubsub": _set("message.messageId"),
    "adyen": _set("notificationItems[].NotificationRequestItem.pspReference"),
    "paddle": _set("event_id"),
    "opsgenie": _set("alert.alertId"),
    "better-stack": _set("data.id"),
    "cloudflare": _set("ts", to=_number),
    "uptimerobot": _set("monitorID"),
}
