"""Starts the parts of the stack in the order in which they need each other."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from http.client import OK, SERVICE_UNAVAILABLE
from secrets import token_urlsafe
from typing import Any

import requests

from configuration.parameters import Parameter, parameters_of
from configuration.scheduler import Scheduler, Target
from configuration.schedules import schedules_of
from sandbox.omni_api.settings import SettingsError, settings_from
from sandbox.sockets import listen, port_of
from sandbox.stack.cloud import CREDENTIALS, client, cloud_process, create_resources
from sandbox.stack.function_log import FunctionLog
from sandbox.stack.functions import LambdaFunction
from sandbox.stack.gateway import Gateway
from sandbox.stack.invoke_api import invoke_api
from sandbox.stack.polling import QueuePoller
from sandbox.stack.processes import ServerProcess
from sandbox.stack.runtime_api import runtime_api
from sandbox.stack.sam_template import read_template
from sandbox.stack.sandbox_server import KEY_SETS_PATH, REPORT_URL, SNS_PATH
from sandbox.stack.schedule_group import ScheduleGroup
from sandbox.stack.schedule_timers import ScheduleTimer, schedule_timers
from sandbox.stack.servers import Server
from sandbox.stack.settings import OMNI_AUTHORIZATION, StackError, StackSettings
from sandbox.stack.specs import ACCOUNT, FunctionSpec, SamTemplate
from sandbox.stack.trail import Trail
from sandbox.stack.workers import Worker

START_TIMEOUT = 60
SCHEDULED = "ScheduleFunction"
GROUP = "omni-relay-local"
LOCAL_ROLE = f"arn:aws:iam::{ACCOUNT}:role/local-scheduler"
NOWHERE = "http://127.0.0.1:9"  # functions need only plain HTTP to this machine, and nothing may leave it


class Assembly:
    """`listeners` are the bound sockets of relay, sandbox, aws and lambda. `urls` are their addresses."""

    def __init__(
        self, settings: StackSettings, listeners: Mapping[str, socket.socket], urls: Mapping[str, str]
    ) -> None:
        self.functions: dict[str, LambdaFunction] = {}
        self.servers: list[ServerProcess] = []
        self.template: SamTemplate
        self.report_token, self._records_key = token_urlsafe(), token_urlsafe()
        self._settings = settings
        self._listeners = listeners
        self._urls = urls

    def public_url(self, name: str) -> str:
        """The address of relay, sandbox, aws or lambda, by the name that containers know."""
        host = self._settings.public_host or self._settings.local_host
        return f"http://{host}:{self._urls[name].rpartition(':')[2]}"

    async def start(self, running: AsyncExitStack) -> None:
        """`running` later stops what this starts. Raises TemplateError, Mistakes and StackError."""
        self.template = self._read_template()
        parameters = self.parameters(self._settings.config, self._settings.secrets)
        bus_log = self._settings.logs / "EventBus.jsonl"
        await self._start_server(cloud_process(self._listeners["aws"], self._settings.hosts, bus_log), running)
        sandbox = await self._start_sandbox(running)
        trail = Trail(self._urls["sandbox"])
        await self._start_functions(running, trail)
        await create_resources(self._urls["aws"], self.template, parameters)
        await self._until_functions_are_ready()
        await self._start_triggers(running)
        await self._start_schedules(running)
        if sandbox is not None:
            await self._until_sandbox_is_ready(sandbox)
            trail.start()
            running.push_async_callback(trail.stop)

    def _read_template(self) -> SamTemplate:
        settings = self._settings
        template = read_template(
            settings.template,
            cloud_url=self._urls["aws"],
            api_url=self._urls["relay"],
            parameters=settings.template_parameters,
        )
        queues = {
            name: replace(queue, attributes={**queue.attributes, **settings.queue_attributes.get(name, {})})
            for name, queue in template.queues.items()
        }
        functions = {
            name: replace(function, timeout=settings.timeouts.get(name, function.timeout))
            for name, function in template.functions.items()
        }
        return replace(template, queues=queues, functions=functions)

    def parameters(self, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> list[Parameter]:
        """Returns the parameters that the functions read in SSM. Raises Mistakes."""
        prefix = self.template.environment.get("PARAMETER_PREFIX")
        if prefix is None:
            return list(self.template.parameters)
        # Containers call it at another address than loopback, also by plain HTTP. The push command would refuse that.
        sandbox = Parameter(f"{prefix}/omni/base-url", "String", self.public_url("sandbox"))
        made = {"reports/token": self.report_token, "records/key": self._records_key}
        own = [Parameter(f"{prefix}/{name}", "SecureString", secret) for name, secret in made.items()]
        pushed = parameters_of(config, secrets, prefix, omni_authorization=OMNI_AUTHORIZATION)
        return [sandbox, *own, *self.template.parameters, *pushed]

    @property
    def scheduling(self) -> dict[str, str]:
        """The outputs by which schedules are made; none for a template without a function for them."""
        function = self.template.functions.get(SCHEDULED)
        if function is None:
            return {}
        letters = self.template.queues["DeadLetterQueue"].arn
        arns = {"ScheduleFunctionArn": function.arn, "SchedulerRoleArn": LOCAL_ROLE, "DeadLetterQueueArn": letters}
        return {"ScheduleGroupName": GROUP, **arns}

    def replace_schedules(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Puts the schedules of one configuration in the place of another's."""
        scheduler = self._scheduler()
        if scheduler:
            old, new = ({one.name: one for one in schedules_of(config)} for config in (before, after))
            scheduler.replace(old, new)

    def _scheduler(self) -> Scheduler | None:
        if not self.scheduling:
            return None
        group, *arns = self.scheduling.values()
        return Scheduler(client("scheduler", self._urls["aws"]), group, Target(*arns))

    async def _start_schedules(self, running: AsyncExitStack) -> None:
        scheduler = self._scheduler()
        if scheduler:
            await asyncio.to_thread(scheduler.client.create_schedule_group, Name=GROUP)
            await asyncio.to_thread(self.replace_schedules, {}, self._settings.config)
            group = ScheduleGroup(scheduler, self.functions[SCHEDULED])
            group.start()
            running.push_async_callback(group.stop)

    async def _start_sandbox(self, running: AsyncExitStack) -> ServerProcess | None:
        if not self._settings.with_sandbox:
            return None
        self._settings.logs.mkdir(parents=True, exist_ok=True)
        config = self._settings.logs / "sandbox.json"
        config.write_text(json.dumps({"scenarios": self._settings.config.get("scenarios")}), encoding="utf-8")
        try:
            settings_from(config)
        except SettingsError as mistake:
            raise StackError(str(mistake).removeprefix(f"{config}: ")) from None
        arguments = (str(config), str(self._settings.time_scale), *self._settings.hosts)
        account = {}
        if self.template.environment.get("DELIVERY_REPORTS") == "push":
            account = {REPORT_URL: f"{self._urls['relay']}/reports/{self.report_token}"}
        sandbox = ServerProcess("sandbox.stack.sandbox_server", self._listeners["sandbox"], *arguments, **account)
        await self._start_server(sandbox, running)
        return sandbox

    async def _start_server(self, server: ServerProcess, running: AsyncExitStack) -> None:
        await server.start()
        running.push_async_callback(server.stop)
        self.servers.append(server)

    async def _start_functions(self, running: AsyncExitStack, trail: Trail) -> None:
        environment = CREDENTIALS | {"AWS_ENDPOINT_URL": self._urls["aws"], "AWS_EC2_METADATA_DISABLED": "true"}
        environment["AWS_XRAY_DAEMON_ADDRESS"] = "127.0.0.1:2000"  # by UDP, so nobody has to listen
        environment["HTTPS_PROXY"] = NOWHERE
        environment["AWS_ENDPOINT_URL_SNS"] = self._urls["sandbox"] + SNS_PATH
        environment["KEY_SETS_ENDPOINT_URL"] = self._urls["sandbox"] + KEY_SETS_PATH
        environment |= self._settings.environment

        def listener(record: dict[str, Any]) -> None:
            trail.note(record)
            self._settings.listener(record)

        specs = self.template.functions
        sockets = {name: [listen("127.0.0.1") for _ in range(self._settings.processes)] for name in specs}
        for name, spec in specs.items():
            log = FunctionLog(self._settings.logs / f"{name}.jsonl", listener)
            ports = [port_of(listener) for listener in sockets[name]]
            self.functions[name] = LambdaFunction(spec, environment=environment, ports=ports, log=log)
        workers: dict[int, tuple[FunctionSpec, Worker]] = {
            worker.port: (function.spec, worker) for function in self.functions.values() for worker in function.workers
        }
        server = Server(runtime_api(workers), [listener for group in sockets.values() for listener in group])
        await server.start()
        running.push_async_callback(server.stop)
        for function in self.functions.values():
            running.push_async_callback(function.stop)
            function.prewarm()

    async def _start_triggers(self, running: AsyncExitStack) -> None:
        template, functions = self.template, self.functions
        gateway = Gateway(
            template.routes, functions, template.throttle, integration_timeout=self._settings.integration_timeout
        )
        for app, name in ((gateway, "relay"), (invoke_api(functions, self._settings.hosts), "lambda")):
            server = Server(app, [self._listeners[name]])
            await server.start()
            running.push_async_callback(server.stop)
        sqs = await asyncio.to_thread(client, "sqs", self._urls["aws"])
        triggers: list[QueuePoller | ScheduleTimer] = [
            QueuePoller(
                sqs, template.queues[m.queue], template.queue_url(m.queue, self._urls["aws"]), m, functions[m.function]
            )
            for m in template.mappings
        ]
        triggers += schedule_timers(template, functions, self._settings.rate_scale)
        for trigger in triggers:
            trigger.start()
            running.push_async_callback(trigger.stop)

    async def _until_functions_are_ready(self) -> None:
        waiting = set(self.functions.values())
        while waiting:
            for function in waiting:
                if function.init_error is not None:
                    error = function.init_error.json()
                    name, log = function.spec.logical_id, function.log.path
                    raise StackError(f"{name} can't start: {error.get('errorMessage')} (its log is {log})")
            waiting = {function for function in waiting if not function.ready}
            await asyncio.sleep(0.02)

    async def _until_sandbox_is_ready(self, sandbox: ServerProcess) -> None:
        """The sandbox answers 503 until the signal tells it that everything else is up."""
        url = f"{self._urls['sandbox']}/sandbox/health"
        await asyncio.to_thread(_wait_for, url, SERVICE_UNAVAILABLE)
        sandbox.signal(signal.SIGUSR1)
        await asyncio.to_thread(_wait_for, url, OK)


def _wait_for(url: str, status: int) -> None:
    """Waits until the URL answers with that status. Raises StackError if it doesn't in time."""
    session = requests.Session()
    session.trust_env = False  # the user's proxy must not be asked for this machine
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            if session.get(url, timeout=START_TIMEOUT).status_code == status:
                return
        except requests.RequestException as error:
            raise StackError(f"the sandbox doesn't start: {error}") from error
        time.sleep(0.02)
    raise StackError(f"{url} doesn't answer {status}")
