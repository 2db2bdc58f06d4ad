"""No planted secret, signature, address or text appears in a log line, metric or answer, in any flow or failure.

The handlers run in this process, because some failures can't be caused by a request. test_hostile_traces.py does the
same with a whole stack.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from pydantic import BaseModel

from omni.errors import BadRequest, ErrorBody, ServerError, Throttled
from relay.configure.sources import ConfigurationMistake
from relay.ports import LedgerUnavailable
from tests.support.adversary import Adversary
from tests.support.canaries import each_secret, forms_of, found, signatures
from tests.support.hostility import FORM
from tests.support.inprocess import AUTHORIZATION, Answer, Context, Relay

PHONE, PHONE_AS_WRITTEN, EMAIL = "41791234567", "+41 79 123 45 67", "canary.person@example.org"
SECRET = "planted-github-secret"
TEXT = "the canary sings in the body"
BODY = {
    "id": "e-1",
    "kind": "abc",
    "title": TEXT,
    "text": TEXT,
    "event_id": "e-2",
    "type": "canary-free",
    "to": [{"phone": PHONE_AS_WRITTEN, "email": EMAIL}],
    "items": [{"name": TEXT, "phone": PHONE_AS_WRITTEN, "email": EMAIL, "note": TEXT}],
    "scenario": "incident",
    "subject": TEXT,
    "callbackData": TEXT,
}
# Each body fails at another place, and holds the canary at that place.
WRONG_BODIES = {
    "a number of no country": {**BODY, "to": [{"phone": "999 123 456 78 90 12"}]},
    "an email that is none": {**BODY, "to": [{"email": "canary.person@@example.org"}]},
    "an address as a name": {**BODY, "to": [{PHONE: "1", EMAIL: "1"}], PHONE_AS_WRITTEN: 1, EMAIL: 1},
    "a text as a name": {**BODY, TEXT: {TEXT: TEXT}, "channels": {TEXT: {TEXT: TEXT}}},
    "a text for a number": {**BODY, "total": TEXT, "people": TEXT, "alerts": TEXT},
    "a text for a time": {**BODY, "at": TEXT, "sendAt": TEXT, "channel": TEXT},
    "a text for a URL": {**BODY, "url": f"http://{TEXT}", "notifyUrl": f"http://{EMAIL}/{TEXT}"},
    "a scenario that isn't": {**BODY, "scenario": TEXT},
    "no object": [TEXT, PHONE, EMAIL],
}
Failure = Callable[[Relay], Any]


class Model(BaseModel):
    field: int


def raised_by_pydantic(*_: Any, **__: Any) -> Any:
    Model.model_validate({"field": TEXT})


def raised_by_a_library(*_: Any, **__: Any) -> Any:
    """Raises an exception with a cause and a note, each of which quotes the data."""
    empty: dict[str, Any] = {}
    try:
        empty[TEXT]
    except KeyError as cause:
        error = ValueError(f"can't read {json.dumps(BODY)} with {AUTHORIZATION} for {PHONE_AS_WRITTEN}")
        error.add_note(TEXT)
        raise error from cause


def raised_by_ourselves(*_: Any, **__: Any) -> Any:
    """Raises an error of ours. Its text is kept, so that only the logger's redaction can remove the canary."""
    raise ConfigurationMistake("github", None, "verify", f"{AUTHORIZATION} {SECRET} {PHONE_AS_WRITTEN} {PHONE} {EMAIL}")


def refused_in_many_words(kind: Any) -> Any:
    def refuse(*_: Any, **__: Any) -> Any:
        raise kind(400, ErrorBody(code="BAD", text=f"{TEXT} {PHONE} {AUTHORIZATION}", violations=({"value": EMAIL},)))

    return refuse


# The functions that are replaced by failing ones while the event is processed.
FAILURES: dict[str, tuple[str, Any]] = {
    "pydantic's error while routing": ("relay.deliver.relaying.route", raised_by_pydantic),
    "a library's error while routing": ("relay.deliver.relaying.route", raised_by_a_library),
    "an error of our own that says too much": ("relay.deliver.relaying.route", raised_by_ourselves),
    "a library's error while verifying": ("relay.verification.Verification.check", raised_by_a_library),
    "a library's error while decoding": ("relay.receive.webhooks.decode", raised_by_a_library),
    "a library's error at the ledger": ("tests.support.inprocess.Ledger.once", raised_by_a_library),
    "no ledger": ("tests.support.inprocess.Ledger.once", LedgerUnavailable),
    "a library's error at the queue": ("tests.support.inprocess.Sqs.send_message", raised_by_a_library),
    "a library's error at OMNI": ("tests.support.inprocess.Omni.send", raised_by_a_library),
    "OMNI is down and explains": ("tests.support.inprocess.Omni.send", refused_in_many_words(ServerError)),
    "OMNI refuses and explains": ("tests.support.inprocess.Omni.send", refused_in_many_words(BadRequest)),
    "OMNI throttles and explains": ("tests.support.inprocess.Omni.send", refused_in_many_words(Throttled)),
}


@pytest.fixture
def adversary(inprocess: Relay) -> Adversary:
    return Adversary(inprocess.config, inprocess.secrets)


@pytest.fixture
def canaries(inprocess: Relay) -> Iterator[set[str]]:
    """Gives the planted values, to which a test may add. Checks afterwards that the log and metrics hold none."""
    planted = {TEXT, PHONE, PHONE_AS_WRITTEN, EMAIL, "canary", "planted"}
    for secret in [*each_secret(inprocess.secrets["sources"]), AUTHORIZATION.split()[1]]:
        planted |= forms_of(secret)
    yield planted
    said = inprocess.output.getvalue()
    assert said, "nothing was logged, so the test proves nothing"
    assert found(planted, said) == []


def each_way(inprocess: Relay, adversary: Adversary, canaries: set[str], body: Any) -> Iterator[Answer]:
    """Posts the body to every source signed, altered and cut, and to an unknown source. Yields the answers."""
    for source in inprocess.config["sources"]:
        if source == "without-secret" or source.startswith("example-"):
            continue
        form = adversary.preset(source) == "twilio" and isinstance(body, dict)
        raw = urlencode({k: str(v) for k, v in body.items()}).encode() if form else json.dumps(body).encode()
        signed = adversary.signed(source, raw, FORM if form else "application/json", [])
        assert signed is not None
        headers = [*signed.headers, (b"cookie", b"session=planted-cookie"), (b"x-note", TEXT.encode())]
        if b"authorization" not in dict(headers):
            headers.append((b"authorization", b"Bearer planted-elsewhere"))
        canaries |= signatures({name.decode(): value.decode("latin-1") for name, value in headers})
        yield inprocess.post(source, signed.body, headers, signed.query)
        yield inprocess.post(source, signed.body + b" ", headers, signed.query)
        yield inprocess.post(source, signed.body[:-9], headers, signed.query)
        yield inprocess.post(f"{source}-{PHONE}", signed.body, headers)


def test_events_that_are_sent_queued_ignored_or_refused_show_no_canary(
    inprocess: Relay, adversary: Adversary, canaries: set[str]
) -> None:
    answers = list(each_way(inprocess, adversary, canaries, BODY))
    assert {200, 202, 401, 404} <= {answer.status for answer in answers}
    for answer in answers:
        assert found(canaries, answer.text) == [], answer.text


@pytest.mark.parametrize("name", WRONG_BODIES)
def test_a_mistake_in_a_body_is_named_without_its_content(
    name: str, inprocess: Relay, adversary: Adversary, canaries: set[str]
) -> None:
    answers = list(each_way(inprocess, adversary, canaries, WRONG_BODIES[name]))
    assert {answer.status for answer in answers} & {202, 422}, "no body was found wrong"
    for answer in answers:
        assert found(canaries, answer.text) == [], answer.text


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_logged_without_the_data_that_caused_it(
    name: str, inprocess: Relay, adversary: Adversary, canaries: set[str]
) -> None:
    place, failure = FAILURES[name]
    with patch(place, failure):
        answers = list(each_way(inprocess, adversary, canaries, BODY))
    assert {answer.status for answer in answers} <= {200, 202, 400, 401, 404, 422, 503}
    for answer in answers:
        assert found(canaries, answer.text) == [], answer.text


def test_the_line_of_an_exception_gives_its_type_and_place(
    inprocess: Relay, adversary: Adversary, canaries: set[str]
) -> None:
    with patch("relay.deliver.relaying.route", raised_by_a_library):
        list(each_way(inprocess, adversary, canaries, BODY))
    line = next(line for line in inprocess.lines() if line.get("message") == "webhook_failed")
    assert line["exception_name"] == "ValueError"
    assert "in raised_by_a_library" in line["exception"]
    assert "builtins.KeyError" in line["exception"]


def test_a_configuration_that_is_wrong_is_logged_without_its_values(inprocess: Relay, canaries: set[str]) -> None:
    from handlers import composition

    wrong = {
        "sources/github/settings": json.dumps({"verify": {"preset": "github", "secret": "planted-in-the-wrong-place"}}),
        "sources/gitlab/settings": "planted-in-the-wrong-place",
        "sources/stripe/routes/chosen": json.dumps({"scenario": "planted " + TEXT, "text": "{% canary %}"}),
        "sources/slack/secrets": '["planted-half-an-array',
    }
    prefix = next(iter(inprocess.ssm.values)).split("/omni/")[0]
    named = {f"{prefix}/{name}": value for name, value in wrong.items()}
    composition.configuration.cache_clear()
    with patch.dict(inprocess.ssm.values, named):
        for source in ("github", "gitlab", "stripe", "slack"):
            answer = inprocess.post(source, json.dumps(BODY).encode())
            assert answer.status in {401, 503}
            assert found(canaries, answer.text) == [], answer.text
    composition.configuration.cache_clear()


def test_failures_of_delivery_and_schedule_show_no_canary(inprocess: Relay, canaries: set[str]) -> None:
    from handlers import delivery, schedule

    notification = {"scenario": "incident", "to": BODY["to"], "text": TEXT}
    dispatch_of_another_age = {"dispatch": {"id": TEXT, "content": BODY}, "firstAttemptAt": TEXT}
    with inprocess.listening():
        for body in (json.dumps(dispatch_of_another_age), TEXT, json.dumps({"event": BODY})):
            assert delivery.handler(_sqs_event(body), Context()) == {"batchItemFailures": []}
        with patch("relay.deliver.delivering.Deliverer.deliver", raised_by_a_library):
            assert delivery.handler(_sqs_event("{}"), Context())["batchItemFailures"]
        for wrong in (
            {**notification, "to": [{PHONE: EMAIL}]},
            TEXT,
            {"source": TEXT, "event": BODY},
            [notification, 1],
        ):
            with pytest.raises(Exception) as raised:  # noqa: PT011 - Lambda prints the text of any exception
                schedule.handler(wrong, Context())
            assert found(canaries, str(raised.value)) == []
        for place, failure in FAILURES.values():
            if "verification" not in place and "accepting" not in place:
                with patch(place, failure):
                    said = _fired(schedule.handler, notification)
                assert found(canaries, said) == []


def _fired(handler: Any, notification: Any) -> str:
    """Returns what Lambda would return or print: the outcome, or the exception with its cause."""
    try:
        return json.dumps(handler(notification, Context()))
    except Exception as raised:  # noqa: BLE001 - Lambda prints any exception
        return "".join(traceback.format_exception(raised, chain=True)[-1:]) + str(raised.__cause__ or "")


def _sqs_event(body: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1"}
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": body,
        "attributes": attributes,
        "eventSource": "aws:sqs",
    }
    return {"Records": [record]}
