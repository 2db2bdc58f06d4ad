"""Peer C: FastAPI, Mangum, httpx and boto3, with the same duties as floor D. People often build a webhook like this."""

import base64
import hmac
import json
import logging
import os
import time
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import boto3
import httpx
from botocore.config import Config
from fastapi import FastAPI, HTTPException, Request, Response
from mangum import Mangum
from pydantic import BaseModel

_PREFIX, _TABLE = os.environ["PARAMETER_PREFIX"], os.environ["TABLE_NAME"]
_QUEUE, _TTL = os.environ["QUEUE_URL"], int(os.environ["RECORD_TTL_SECONDS"])
_RECORDS = os.environ["RECORDS_TABLE_NAME"]
_CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1}, tcp_keepalive=True)
_SSM, _DYNAMODB = boto3.client("ssm", config=_CONFIG), boto3.client("dynamodb", config=_CONFIG)
_SQS = boto3.client("sqs", config=_CONFIG)
_OMNI = httpx.Client(timeout=8, trust_env=False)
_LOGGER = logging.getLogger("relay")
_LOGGER.setLevel("INFO")
_WINDOW = 300  # seconds
app = FastAPI()


class Content(BaseModel):
    """The body of a webhook, as far as it is used."""

    kind: str
    text: str


class Dispatch(BaseModel):
    """A message to send, now or from the queue."""

    id: str
    event_id: str
    text: str
    phone: str = "41793026727"


@app.post("/webhooks/{source}")  # type: ignore[untyped-decorator]  # FastAPI is installed only where it runs
async def receive(source: str, request: Request, response: Response) -> dict[str, str]:
    """Sends what a webhook says, or queues it."""
    body, settings = await request.body(), _settings(source)
    if not _is_genuine(settings["secret"], request.headers, body):
        raise HTTPException(401)
    content = Content.model_validate_json(body)
    if content.kind != "deploy":
        return {"outcome": "ignored"}
    event_id = request.headers["webhook-id"]
    dispatch = Dispatch(
        id=str(uuid5(NAMESPACE_URL, f"{source}/{event_id}")), event_id=event_id, text=f"{content.text} is out"
    )
    queued = settings["delivery"] == "queued"
    if not _claim(f"event#{dispatch.id}" if queued else dispatch.id):
        return {"outcome": "duplicate"}
    if queued:
        _SQS.send_message(QueueUrl=_QUEUE, MessageBody=dispatch.model_dump_json())
        _record(f"event#{dispatch.id}", "queued")
        response.status_code = 202
    else:
        _send(dispatch)
    _log("event_received", event_id=event_id, source=source, dispatch=dispatch.id)
    return {"eventId": event_id, "outcome": "queued" if queued else "sent"}


webhook = Mangum(app, lifespan="off")


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
    )
    [message] = answer.raise_for_status().json()["messages"]
    _record(dispatch.id, message["status"]["name"])
    _follow(dispatch, message["messageId"])
    _log("message_status", event_id=dispatch.event_id, message_id=message["messageId"], status=message["status"])


def _log(message: str, **fields: Any) -> None:
    _LOGGER.info(json.dumps({"message": message, "at": time.time(), **fields}))


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


def _is_genuine(secret: str, headers: Any, body: bytes) -> bool:
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
