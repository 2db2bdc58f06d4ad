"""Starts the AWS services in memory, and creates the template's resources and the configuration's parameters there."""

import asyncio
import os
import socket
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from configuration.parameters import Parameter
from sandbox.stack.processes import ServerProcess
from sandbox.stack.specs import REGION, QueueSpec, SamTemplate, TableSpec

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local-secret"}


_ONE_TRY = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=30, proxies={})
_NO_PROFILE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@cache
def _session() -> boto3.Session:
    """Ignores the user's own profiles, files and proxies, because nothing here may reach a real account."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars=_NO_PROFILE),
    )


def client(service: str, url: str) -> Any:
    """A boto3 client that doesn't retry."""
    return _session().client(service, endpoint_url=url, config=_ONE_TRY)  # type: ignore[call-overload]  # boto3-stubs wants literals


def cloud_process(listener: socket.socket, hosts: Iterable[str], bus_log: Path) -> ServerProcess:
    """`hosts` are the names by which containers call this machine. `bus_log` gets the events of EventBridge's buses."""
    environment = CREDENTIALS | {"AWS_DEFAULT_REGION": REGION}
    return ServerProcess("sandbox.stack.cloud_server", listener, str(bus_log), *hosts, **environment)


async def create_resources(url: str, template: SamTemplate, parameters: Iterable[Parameter]) -> None:
    """May be called while the process still starts: calls wait in the socket's backlog."""
    await asyncio.gather(
        asyncio.to_thread(create_queues, url, template.queues),
        asyncio.to_thread(create_tables, url, template.tables.values()),
        asyncio.to_thread(put_parameters, url, parameters),
        asyncio.to_thread(create_bus, url, template.environment.get("EVENT_BUS_NAME")),
    )


def create_queues(url: str, queues: Mapping[str, QueueSpec]) -> None:
    sqs = client("sqs", url)
    # A dead-letter queue must exist before another queue names it.
    for queue in sorted(queues.values(), key=lambda queue: "RedrivePolicy" in queue.attributes):
        sqs.create_queue(QueueName=queue.name, Attributes=dict(queue.attributes))


def create_tables(url: str, tables: Iterable[TableSpec]) -> None:
    dynamodb = client("dynamodb", url)
    for table in tables:
        dynamodb.create_table(TableName=table.name, **table.definition)
        if table.ttl_attribute:
            ttl = {"Enabled": True, "AttributeName": table.ttl_attribute}
            dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=ttl)


def replace_parameters(url: str, before: Iterable[Parameter], after: Iterable[Parameter]) -> None:
    """Writes what differs, and deletes what is gone."""
    old, new = {one.name: one for one in before}, {one.name: one for one in after}
    put_parameters(url, [one for name, one in new.items() if old.get(name) != one])
    for name in old.keys() - new.keys():
        client("ssm", url).delete_parameters(Names=[name])


def create_bus(url: str, name: str | None) -> None:
    if name:
        client("events", url).create_event_bus(Name=name)


def put_parameters(url: str, parameters: Iterable[Parameter]) -> None:
    ssm = client("ssm", url)
    for parameter in parameters:
        ssm.put_parameter(Name=parameter.name, Type=parameter.type, Value=parameter.value, Overwrite=True)
