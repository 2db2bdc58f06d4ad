"""Reads template.yaml into specs, as CloudFormation would resolve it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from configuration.parameters import Parameter
from sandbox.stack.intrinsics import Json, Resolver, TemplateError, load_yaml, text
from sandbox.stack.specs import (
    ACCOUNT,
    REGION,
    FunctionSpec,
    MappingSpec,
    QueueSpec,
    RouteSpec,
    SamTemplate,
    ScheduleSpec,
    TableSpec,
    ThrottleSpec,
)

STACK_NAME = "omni-relay-local"
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK_NAME,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/local",
    "AWS::URLSuffix": "amazonaws.com",
}

# The property of each resource that holds its physical name.
_NAMES = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Serverless::HttpApi": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SSM::Parameter": "Name",
}
_ARNS = {
    "AWS::Serverless::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Serverless::SimpleTable": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
}
_QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


def read_template(
    path: Path, *, cloud_url: str, api_url: str = "http://api.local", parameters: Mapping[str, str] | None = None
) -> SamTemplate:
    """Reads the template. Raises TemplateError.

    Args:
        path: the template.
        cloud_url: the address of SQS, because the Ref of a queue is a URL.
        api_url: the address of the HTTP API.
        parameters: values in place of the parameters' defaults.
    """
    return _Reader(path, cloud_url, api_url, parameters or {}).read()


class _Reader:
    def __init__(self, path: Path, cloud_url: str, api_url: str, overrides: Mapping[str, str]) -> None:
        self._folder = path.parent
        self._cloud_url = cloud_url
        self._api_url = api_url
        self._document = load_yaml(path)
        self._resources: dict[str, dict[str, Json]] = self._document.get("Resources", {})
        self._resolver = Resolver(
            parameters={**_PSEUDO_PARAMETERS, **self._parameters(overrides)},
            conditions=self._document.get("Conditions", {}),
            reference=self._reference,
            attribute=self._attribute,
            mappings=self._document.get("Mappings", {}),
        )

    def read(self) -> SamTemplate:
        functions = {name: self._function(name) for name in self._of_type("AWS::Serverless::Function")}
        return SamTemplate(
            functions=functions,
            routes=tuple(self._routes()),
            throttle=self._throttle(),
            queues={name: self._queue(name) for name in self._of_type("AWS::SQS::Queue")},
            mappings=tuple(self._mappings()),
            tables={name: self._table(name) for name in self._of_type("AWS::DynamoDB::Table")},
            schedules=tuple(self._schedules()),
            parameters=tuple(self._ssm_parameter(name) for name in self._of_type("AWS::SSM::Parameter")),
        )

    def _parameters(self, overrides: Mapping[str, str]) -> dict[str, Json]:
        declared = self._document.get("Parameters", {})
        for name in overrides:
            if name not in declared:
                raise TemplateError(f"Parameters.{name}", "no such parameter to override")
        values = {}
        for name, declaration in declared.items():
            if name not in overrides and "Default" not in declaration:
                raise TemplateError(f"Parameters.{name}", "has no default; the local stack needs one")
            values[name] = overrides.get(name, declaration.get("Default"))
        return values

    def _of_type(self, kind: str) -> Iterator[str]:
        for name, resource in self._resources.items():
            if resource.get("Type") == kind and self._exists(name):
                yield name

    def _exists(self, name: str) -> bool:
        condition = self._resources[name].get("Condition")
        return condition is None or self._resolver.holds(condition, name)

    def _physical_name(self, logical_id: str) -> str:
        resource = self._resources[logical_id]
        kind = _NAMES.get(resource["Type"], "Name")
        named = self._resolver.resolve(resource.get("Properties", {}).get(kind), f"{logical_id}.{kind}")
        return text(named) if named else f"{STACK_NAME}-{logical_id}"

    def _reference(self, logical_id: str) -> Json:
        kind = self._resources[logical_id]["Type"]
        name = self._physical_name(logical_id)
        if kind == "AWS::SQS::Queue":
            return f"{self._cloud_url}/{ACCOUNT}/{name}"
        return self._attribute(logical_id, "Arn") if kind == "AWS::SNS::Topic" else name

    def _attribute(self, logical_id: str, attribute: str) -> Json:
        kind, name = self._resources[logical_id]["Type"], self._physical_name(logical_id)
        if attribute == "Arn":
            return "arn:aws:" + _ARNS[kind].format(region=REGION, account=ACCOUNT, name=name)
        if (kind, attribute) == ("AWS::SSM::Parameter", "Value"):
            return self._property(logical_id, "Value")
        return {
            ("AWS::SQS::Queue", "QueueName"): name,
            ("AWS::SQS::Queue", "QueueUrl"): self._reference(logical_id),
            ("AWS::Serverless::HttpApi", "ApiEndpoint"): self._api_url,
        }[kind, attribute]

    def _property(self, logical_id: str, name: str, default: Json = None) -> Json:
        """A resource's own property, or else the one of Globals. Two mappings are merged, as SAM does."""
        resource = self._resources[logical_id]
        own = resource.get("Properties", {}).get(name)
        section = resource["Type"].rpartition("::")[2]
        common = self._document.get("Globals", {}).get(section, {}).get(name)
        place = f"{logical_id}.{name}"
        own, common = self._resolver.resolve(own, place), self._resolver.resolve(common, place)
        if isinstance(own, dict) and isinstance(common, dict):
            return _merged(common, own)
        chosen = common if own is None else own
        return default if chosen is None else chosen

    def _function(self, logical_id: str) -> FunctionSpec:
        environment = self._property(logical_id, "Environment", {}).get("Variables", {})
        logging = self._property(logical_id, "LoggingConfig", {})
        name, handler = self._physical_name(logical_id), self._property(logical_id, "Handler")
        if not isinstance(handler, str):
            raise TemplateError(f"{logical_id}.Handler", "expected module.function")
        reserved = self._property(logical_id, "ReservedConcurrentExecutions")
        return FunctionSpec(
            logical_id=logical_id,
            name=name,
            handler=handler,
            code=(self._folder / self._property(logical_id, "CodeUri", ".")).resolve(),
            runtime=self._property(logical_id, "Runtime", "python3.13"),
            timeout=self._number(logical_id, "Timeout", 3),
            memory=int(self._number(logical_id, "MemorySize", 128)),
            environment={key: text(value) for key, value in environment.items()},
            reserved=None if reserved is None else int(reserved),
            log_group=logging.get("LogGroup", f"/aws/lambda/{name}"),
            log_format=logging.get("LogFormat", "Text"),
            traced=self._property(logical_id, "Tracing") == "Active",
        )

    def _number(self, logical_id: str, name: str, default: float) -> float:
        value = self._property(logical_id, name, default)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TemplateError(f"{logical_id}.{name}", f"expected a number, not {value!r}") from None

    def _events(self, *kinds: str) -> Iterator[tuple[str, str, dict[str, Json]]]:
        """Yields the function, the place (`Function.Events.Event`) and the properties of each event of these kinds."""
        for function in self._of_type("AWS::Serverless::Function"):
            for name, event in self._resources[function]["Properties"].get("Events", {}).items():
                place = f"{function}.Events.{name}"
                if event["Type"] not in _EVENT_TYPES:
                    raise TemplateError(place, f"events of type {event['Type']} aren't supported by the local stack")
                if event["Type"] in kinds:
                    yield function, place, self._resolver.resolve(event.get("Properties", {}), place)

    def _routes(self) -> Iterator[RouteSpec]:
        for function, place, properties in self._events("HttpApi"):
            if text(properties.get("PayloadFormatVersion", "2.0")) != "2.0":
                raise TemplateError(place, "only payload format 2.0 is supported by the local stack")
            yield RouteSpec(properties["Method"].upper(), properties["Path"], function)

    def _throttle(self) -> ThrottleSpec:
        for api in self._of_type("AWS::Serverless::HttpApi"):
            settings = self._property(api, "DefaultRouteSettings", {})
            rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
            return ThrottleSpec(None if rate is None else float(rate), None if burst is None else int(burst))
        return ThrottleSpec()

    def _queue(self, logical_id: str) -> QueueSpec:
        given = {name: self._property(logical_id, name) for name in _QUEUE_ATTRIBUTES}
        attributes = {
            name: json.dumps(value) if isinstance(value, dict) else text(value)
            for name, value in given.items()
            if value is not None
        }
        return QueueSpec(logical_id, self._physical_name(logical_id), attributes)

    def _mappings(self) -> Iterator[MappingSpec]:
        queues = {self._attribute(name, "Arn"): name for name in self._of_type("AWS::SQS::Queue")}
        for function, place, properties in self._events("SQS"):
            if properties.get("Queue") not in queues:
                raise TemplateError(f"{place}.Queue", "expected a queue of this template")
            if not properties.get("Enabled", True):
                continue
            concurrency = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
            yield MappingSpec(
                queue=queues[properties["Queue"]],
                function=function,
                batch_size=int(properties.get("BatchSize", 10)),
                window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
                max_concurrency=None if concurrency is None else int(concurrency),
                reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            )

    def _table(self, logical_id: str) -> TableSpec:
        names = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
        given = {name: self._property(logical_id, name) for name in names}
        name, ttl = self._physical_name(logical_id), self._property(logical_id, "TimeToLiveSpecification", {})
        definition = {key: value for key, value in given.items() if value is not None}
        return TableSpec(logical_id, name, definition, ttl.get("AttributeName"))

    def _ssm_parameter(self, logical_id: str) -> Parameter:
        value = text(self._property(logical_id, "Value"))
        return Parameter(self._physical_name(logical_id), self._property(logical_id, "Type", "String"), value)

    def _schedules(self) -> Iterator[ScheduleSpec]:
        for function, place, properties in self._events("ScheduleV2", "Schedule"):
            expression = properties.get("ScheduleExpression") or properties.get("Schedule")
            if not expression:
                raise TemplateError(place, "expected a ScheduleExpression")
            enabled = text(properties.get("State", properties.get("Enabled", "ENABLED"))).upper()
            yield ScheduleSpec(
                name=properties.get("Name", place.replace(".Events.", "")),
                function=function,
                expression=expression,
                timezone=properties.get("ScheduleExpressionTimezone", "UTC"),
                input=properties.get("Input"),
                enabled=enabled in {"ENABLED", "TRUE"},
            )


_EVENT_TYPES = frozenset({"HttpApi", "SQS", "ScheduleV2", "Schedule"})


def _merged(common: Mapping[str, Json], own: Mapping[str, Json]) -> dict[str, Json]:
    merged = {**common, **own}
    for key in common.keys() & own.keys():
        if isinstance(common[key], dict) and isinstance(own[key], dict):
            merged[key] = _merged(common[key], own[key])
    return merged
