"""The ledger runs an action once per key, frees the key after a failure or crash, and runs nothing without a table."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from aws.ledger import DynamoDbLedger
from relay.ports import InFlight, LedgerUnavailable


def context(milliseconds):
    made = LambdaContext()
    vars(made)["get_remaining_time_in_millis"] = lambda: milliseconds
    return made


def client(endpoint):
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, max_pool_connections=32),
    )


@pytest.fixture
def table(moto_endpoint, request):
    name = f"table-{abs(hash(request.node.name))}"
    client(moto_endpoint).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def new_ledger(moto_endpoint, table):
    """Gives a maker of ledgers, because each process has its own ledger."""

    def make(milliseconds=20_000, endpoint=moto_endpoint, **options):
        ledger = DynamoDbLedger(client(endpoint), table, 3600, **options)
        ledger.register(context(milliseconds))
        return ledger

    return make


def test_a_key_runs_once_and_its_result_is_kept_for_every_process(new_ledger):
    first = new_ledger().once("send", "k", lambda: {"answer": 1})
    second = new_ledger().once("send", "k", lambda: pytest.fail("ran again"))
    assert first == ({"answer": 1}, False)
    assert second == ({"answer": 1}, True)


def test_each_kind_and_key_runs_by_itself(new_ledger):
    ledger = new_ledger()
    runs = [ledger.once(kind, key, lambda: None)[1] for kind in ("send", "enqueue") for key in ("a", "b")]
    assert runs == [False] * 4


def test_an_action_without_a_result_is_remembered_too(new_ledger):
    new_ledger().once("enqueue", "k", lambda: None)
    assert new_ledger().once("enqueue", "k", lambda: pytest.fail("ran again"))[1]


def test_twenty_copies_at_once_run_one(new_ledger):
    ran, barrier = [], threading.Barrier(20)

    def copy(_):
        ledger = new_ledger()
        barrier.wait()
        try:
            return ledger.once("send", "k", lambda: ran.append(1))[1]
        except InFlight:
            return "in flight"

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(copy, range(20)))
    assert len(ran) == 1
    assert answers.count(False) == 1


def test_a_failed_action_frees_its_key(new_ledger):
    with pytest.raises(ZeroDivisionError):
        new_ledger().once("send", "k", lambda: 1 / 0)
    assert not new_ledger().once("send", "k", lambda: 1)[1]


def test_a_copy_runs_after_the_claim_of_a_crashed_first_one_expires(new_ledger):
    class Died(BaseException):
        """Derives from BaseException, so that it ends the action as a crash does, before the key is freed."""

    def die():
        raise Died

    with pytest.raises(Died):
        new_ledger(milliseconds=700).once("send", "k", die)
    with pytest.raises(InFlight):
        new_ledger().once("send", "k", lambda: 1)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert not new_ledger().once("send", "k", lambda: 1)[1]
        except InFlight:
            continue
        return
    pytest.fail("the dead claim never lapsed")


def test_a_forgotten_key_runs_again(new_ledger):
    ledger = new_ledger()
    ledger.once("enqueue", "k", lambda: 1)
    ledger.forget("enqueue", "k")
    assert not ledger.once("enqueue", "k", lambda: 2)[1]


def test_an_unreachable_table_runs_nothing(new_ledger):
    ledger = new_ledger(endpoint="http://127.0.0.1:9")
    with pytest.raises(LedgerUnavailable):
        ledger.once("send", "k", lambda: pytest.fail("ran without a claim"))
    with pytest.raises(LedgerUnavailable):
        ledger.forget("send", "k")


def test_a_table_that_fails_after_the_send_does_not_turn_it_into_a_failure(new_ledger, moto_endpoint):
    unsaved: list[str] = []
    ledger = new_ledger(on_unsaved=unsaved.append)

    def send_and_lose_the_table():
        ledger._stores["send"].client.meta.events.register("before-call.dynamodb", _unreachable)
        return "sent"

    once = ledger.once("send", "k", send_and_lose_the_table)
    assert once == ("sent", False)
    assert unsaved == ["send"]


def test_a_failure_is_raised_even_if_its_claim_can_not_be_withdrawn(new_ledger):
    ledger = new_ledger()

    def fail_and_lose_the_table():
        ledger._stores["send"].client.meta.events.register("before-call.dynamodb", _unreachable)
        raise KeyError("omni")

    with pytest.raises(KeyError, match="omni"):
        ledger.once("send", "k", fail_and_lose_the_table)


def _unreachable(params, **_):
    params["url"] = "http://127.0.0.1:9/"
