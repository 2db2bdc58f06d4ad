"""The circuit breaker uses a real table. Failures of OMNI open it; a refusal doesn't, and closes it after a probe."""

from itertools import count
from types import SimpleNamespace

import boto3
import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base

from aws.circuit import Circuit
from aws.configuration import OmniAccount
from handlers.guarded_omni import DOWN, GuardedOmni
from omni.errors import BadRequest, ServerError, Unauthorized
from omni.models import OmniResponse, TextRequest
from relay.ports import BreakerOpen, NoTimeLeft

REQUEST = TextRequest(destinations=(), text="hi")
FAILED, REFUSED, WELL = ServerError(500), Unauthorized(401), OmniResponse(messages=())


class FixedAccount:
    def account(self):
        return OmniAccount("http://127.0.0.1:9", "App key")


@pytest.fixture
def table(moto_endpoint):
    client = boto3.client(
        "dynamodb",
        endpoint_url=moto_endpoint,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    client.create_table(
        TableName="breaker",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


class ScriptedOmni(GuardedOmni):
    """Takes OMNI's answers from `script`, and keeps each new state of the circuit in `moves`."""

    def __init__(self, table):
        self.script: list[OmniResponse | Exception] = []
        self.moves: list[str] = []
        self.deadlines: list[float] = []
        circuit = Circuit("test", table, "breaker", failures=DOWN, on_transition=self._moved)
        super().__init__(FixedAccount(), circuit)

    def _moved(self, move):
        self.moves.append(str(move.to_state))

    def _call(self, call, client, until):
        client.send_text = self._answer
        return super()._call(call, client, until)

    def _answer(self, request, *, deadline):
        self.deadlines.append(deadline)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def breaker(table, monkeypatch):
    monkeypatch.setattr(base, "_LOCAL_FAILURES", {})
    monkeypatch.setattr(base, "_LAST_OBSERVED_STATE", {})
    return ScriptedOmni(table)


def send(breaker, *answers):
    """Returns the error type of each call, or None for an answer."""
    breaker.script = list(answers)
    return [_outcome(breaker) for _ in answers]


def _outcome(breaker):
    try:
        breaker.send(REQUEST, 1)
    except (BreakerOpen, ServerError, Unauthorized, BadRequest) as failure:
        return type(failure)
    return None


def test_five_failures_in_a_row_open_the_circuit_and_omni_is_not_called(breaker):
    assert send(breaker, *[FAILED] * 5) == [ServerError] * 5
    assert send(breaker, WELL) == [BreakerOpen]
    assert breaker.moves == ["OPEN"]
    assert breaker.script == [WELL]


def test_a_refusal_shows_that_omni_is_up_and_ends_a_streak(breaker):
    send(breaker, *[FAILED] * 4, REFUSED, *[FAILED] * 4)
    assert send(breaker, WELL) == [None]
    assert breaker.moves == []


@pytest.mark.parametrize("answer", [WELL, REFUSED, BadRequest(400)])
def test_a_probe_that_gets_any_answer_closes_the_circuit(breaker, answer, monkeypatch):
    send(breaker, *[FAILED] * 5)
    later = base.CircuitBreakerHandler._now() + 60
    monkeypatch.setattr(base.CircuitBreakerHandler, "_now", staticmethod(lambda: later))
    send(breaker, answer)
    assert breaker.moves == ["OPEN", "HALF_OPEN", "CLOSED"]
    assert send(breaker, WELL) == [None]


def test_the_time_to_read_the_circuit_is_taken_from_the_deadline_of_the_call(breaker, monkeypatch):
    times = iter([100.0, 100.2])
    monkeypatch.setattr("handlers.guarded_omni.time", SimpleNamespace(monotonic=lambda: next(times)))
    send(breaker, WELL)
    assert breaker.deadlines == [pytest.approx(0.8)]


def test_if_no_time_is_left_omni_is_not_called_and_the_circuit_stays_closed(breaker, monkeypatch):
    times = count(100, 0.7)
    monkeypatch.setattr("handlers.guarded_omni.time", SimpleNamespace(monotonic=lambda: next(times)))
    for _ in range(6):
        with pytest.raises(NoTimeLeft):
            breaker.send(REQUEST, 1)
    assert (breaker.deadlines, breaker.moves) == ([], [])
