"""Floor D: the relay's libraries, doing the duties of one fixed source by hand.

It reads its configuration from SSM, verifies a Standard Webhook, claims the dispatch in DynamoDB, sends it to OMNI or
puts it into the queue, records the result and the message, and logs. It has one route, no retries and no limits.
Everything is built at import.
"""

import base64
import hmac
import json
import os
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import boto3
import requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from pydantic import BaseModel

_PREFIX, _TABLE = os.environ["PARAMETER_PREFIX"], os.environ["TABLE_NAME"]
_QUEUE, _TTL = os.environ["QUEUE_URL"], int(os.environ["RECORD_TTL_SECONDS"])
_RECORDS = os.environ["RECORDS_TABLE_NAME"]
_CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}, tcp_keepalive=True)
_SSM, _DYNAMODB = boto3.client("ssm", config=_CONFIG), boto3.client("dynamodb", config=_CONFIG)
_SQS = boto3.client("sqs", config=_CONFIG)
_OMNI = requests.Session()
_OMNI.trust_env = False
_LOGGER, _METRICS = Logger(utc=True, use_rfc3339=True), Metrics()
_WINDOW = 300  # seconds


class Dispatch(BaseModel):
    """A message to send, now or from the queue."""

    id: str
    event_id: str
    text: str
    phone: str = "41793026727"


class Status(BaseModel):
    name: str


class Message(BaseModel):
    messageId: str  # noqa: N815  # the API's name
    status: Status


class Answer(BaseModel):
    """OMNI's answer."""

    messages: list[Message]


@_METRICS.log_metrics
@_LOGGER.inject_lambda_context(clear_state=True)
def webhook(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Sends what a webhook says, or queues it."""
    source, headers, body = event["pathParameters"]["source"], event["headers"], event["body"].encode()
    settings = _settings(source)
    if not _is_genuine(settings["secret"], headers, body):
        return _response(401, {"outcome": "refused"})
    content = json.loads(body)
    if content["kind"] != "deploy":
        return _response(200, {"outcome": "ignored"})
    event_id = headers["webhook-id"]
    dispatch = Dispatch(
        id=str(uuid5(NAMESPACE_URL, f"{source}/{event_id}")), event_id=event_id, text=f"{content['text']} is out"
    )
    queued = settings["delivery"] == "queued"
    if not _claim(f"event#{dispatch.id}" if queued else dispatch.id):
        return _response(200, {"outcome": "duplicate"})
    if queued:
        _SQS.send_message(QueueUrl=_QUEUE, MessageBody=dispatch.model_dump_json())
        _record(f"event#{dispatch.id}", "queued")
    else:
        _send(dispatch)
    _LOGGER.info("event_received", extra={"event_id": event_id, "source": source, "dispatch": dispatch.id})
    return _response(202 if queued else 200, {"eventId": event_id, "outcome": "queued" if queued else "sent"})


@_METRICS.log_metrics
@_LOGGER.inject_lambda_context(clear_state=True)
def delivery(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Sends each dispatch of a batch."""
    for record in event["Records"]:
        dispatch = Dispatch.model_validate_json(record["body"])
        if _claim(dispatch.id):
            _send(dispatch)
    return {"batchItemFailures": []}


def _send(dispatch: Dispatch) -> None:
    account = _settings("")
    answer = _OMNI.post(
        f"{account['base-url']}/omni/1/text",
        json={
            "destinations": [{"messageId": dispatch.id, "to": {"phoneNumber": dispatch.phone}}],
            "scenarioKey": account["scenario"],
            "text": dispatch.text,
        },
        headers={"Authorization": account["authorization"]},
        timeout=8,
    )
    answer.raise_for_status()
    [message] = Answer.model_validate_json(answer.content).messages
    _record(dispatch.id, message.status.name)
    _follow(dispatch, message.messageId)
    _METRICS.add_metric(name="MessagesSent", unit=MetricUnit.Count, value=1)
    about = {"event_id": dispatch.event_id, "message_id": message.messageId, "status": message.status.name}
    _LOGGER.info("message_status", extra=about | {"at": datetime.now(UTC).isoformat()})


@cache
def _settings(source: str) -> dict[str, str]:
    """Reads a source, or the account if no source is named."""
    names = [f"sources/{source}/settings", f"sources/{source}/secrets"] if source else []
    names += ["omni/base-url", "omni/authorization", "scenarios/incident"]
    found = _SSM.get_parameters(Names=[f"{_PREFIX}/{name}" for name in names], WithDecryption=True)["Parameters"]
    values = {parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in found}
    settings = json.loads(values.get("settings", "{}"))
    secret = values.get("secrets", "")
    return values | {"scenario": values["incident"], "delivery": settings.get("delivery", ""), "secret": secret}


def _is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    stamp = headers["webhook-timestamp"]
    if abs(time.time() - int(stamp)) > _WINDOW:
        return False
    signed = f"{headers['webhook-id']}.{stamp}.".encode() + body
    mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    return hmac.compare_digest("v1," + base64.b64encode(mac).decode(), headers["webhook-signature"])


def _claim(key: str) -> bool:
    expires = str(int(time.time()) + _TTL)
    try:
        _DYNAMODB.put_item(
            TableName=_TABLE,
            Item={"id": {"S": key}, "expiration": {"N": expires}, "status": {"S": "INPROGRESS"}},
            ConditionExpression="attribute_not_exists(id)",
        )
    except _DYNAMODB.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _follow(dispatch: Dispatch, message: str) -> None:
    """Writes the message's own record, which later reports would complete."""
    about = {"message_id": message, "event_id": dispatch.event_id, "at": str(time.time()), "state": "sent"}
    _DYNAMODB.put_item(TableName=_RECORDS, Item={name: {"S": value} for name, value in about.items()})


def _record(key: str, result: str) -> None:
    _DYNAMODB.update_item(
        TableName=_TABLE,
        Key={"id": {"S": key}},
        UpdateExpression="SET #status = :status, #data = :data",
        ExpressionAttributeNames={"#status": "status", "#data": "data"},
        ExpressionAttributeValues={":status": {"S": "COMPLETED"}, ":data": {"S": result}},
    )


def _response(status: int, content: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(content)}
