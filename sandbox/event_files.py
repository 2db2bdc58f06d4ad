"""Finds, signs and sends the files of events/. `python -m sandbox.event_files --help` says how."""

import argparse
import http.client
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from configuration.mistakes import Mistakes
from sandbox.renewal import Sources, body_of, renewed, resigned
from sandbox.signing import CannotSign
from sandbox.stack.settings import PROJECT
from sandbox.validation import first_mistake
from sandbox.variables import Unusable, running_port, sources

EVENTS = PROJECT / "events"
HOST = "127.0.0.1"
_TIMEOUT = 35.0  # seconds; API Gateway itself gives up after 30
_BY_CONNECTION = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_FIRST_ERROR_STATUS = 400


class NoSuchEvent(LookupError):
    """`name` is neither a path nor the name of a file in events/."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no event {name!r}; there are: {', '.join(names())}")
        self.name = name


class NotAnEvent(ValueError):
    """The file isn't an event. The text names the file and says why."""


class NotAWebhook(ValueError):
    """The file holds an event of another function than the webhook's."""


class NoAnswer(Exception):
    """Nothing answers on `port`, or what answers doesn't speak HTTP."""

    def __init__(self, port: int, problem: Exception) -> None:
        super().__init__(f"nothing answers on {HOST}:{port} ({problem}); start it with: make run")


class _Shape(BaseModel):
    """The part of a webhook's event that this module uses."""

    model_config = ConfigDict(strict=True, alias_generator=to_camel)


class _PathParameters(_Shape):
    source: str


class _Http(_Shape):
    method: str


class _RequestContext(_Shape):
    http: _Http
    time_epoch: Annotated[int, Field(ge=0, lt=10**14)]


class _Webhook(_Shape):
    raw_path: str
    raw_query_string: str
    path_parameters: _PathParameters
    request_context: _RequestContext
    headers: dict[str, str]
    body: str | None = None
    is_base64_encoded: Annotated[bool, Field(alias="isBase64Encoded")] = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer. `error` is set when a function failed: Lambda reports that with the status 200."""

    status: int
    reason: str
    body: bytes
    error: str | None = None

    @property
    def failed(self) -> bool:
        return self.status >= _FIRST_ERROR_STATUS or self.error is not None

    def __str__(self) -> str:
        try:
            shown = json.dumps(json.loads(self.body), indent=2, ensure_ascii=False)
        except ValueError:
            shown = self.body.decode(errors="replace")
        return f"HTTP {self.status} {self.reason}\n{shown}"


def names() -> list[str]:
    """The names that `find` takes: the files' names without `webhook-` and `.json`."""
    return sorted(path.stem.removeprefix("webhook-") for path in EVENTS.glob("*.json"))


def find(name: str) -> Path:
    """Looks for the path itself, `events/<name>.json` and `events/webhook-<name>.json`. Raises NoSuchEvent."""
    candidates = (Path(name), EVENTS / name, EVENTS / f"{name}.json", EVENTS / f"webhook-{name}.json")
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise NoSuchEvent(name)
    return found


def load(name: str) -> dict[str, Any]:
    """Raises NoSuchEvent and NotAnEvent."""
    return _read(find(name))


def _read(path: Path) -> dict[str, Any]:
    """Raises NotAnEvent."""
    try:
        event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if is_webhook(event):
            _Webhook.model_validate(event)
            body_of(event)
    except ValidationError as error:
        raise NotAnEvent(f"{path} is not API Gateway's event: {first_mistake(error)}; compare events/") from None
    except (OSError, ValueError, RecursionError) as problem:
        raise NotAnEvent(f"{path} is no event: {problem}; expected JSON as in events/") from None
    return event


def is_webhook(event: Any) -> bool:
    return isinstance(event, dict) and "rawPath" in event


def function_of(name: str) -> str:
    """The function that takes the event, by the file's name: WebhookFunction for `webhook-github-release`."""
    return f"{find(name).stem.partition('-')[0].title()}Function"


def fresh(name: str, known: Sources) -> dict[str, Any]:
    """The named event. A webhook gets a new id, the present time and a new signature."""
    event = load(name)
    return renewed(event, known, datetime.now(UTC)) if is_webhook(event) else event


def post(event: dict[str, Any], port: int) -> Answer:
    """Sends the HTTP request that the event describes. Raises NotAWebhook, NotAnEvent and NoAnswer."""
    if not is_webhook(event):
        raise NotAWebhook("only webhooks can be posted; make invoke FUNCTION=… EVENT=… runs the other functions")
    target = event["rawPath"] + (f"?{event['rawQueryString']}" if event["rawQueryString"] else "")
    headers = {name: value for name, value in event["headers"].items() if _travels(name)}
    return _exchange(port, event["requestContext"]["http"]["method"], target, body_of(event), headers)


def invoke(function: str, event: Any, port: int) -> Answer:
    """Invokes a function of the local stack through Lambda's Invoke API. Raises NotAnEvent and NoAnswer."""
    target = f"/2015-03-31/functions/{quote(function)}/invocations"
    return _exchange(port, "POST", target, json.dumps(event).encode(), {"content-type": "application/json"})


def _exchange(port: int, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.read(), response.getheader("X-Amz-Function-Error"))
    except (ValueError, http.client.InvalidURL) as problem:  # a method, path or header that HTTP doesn't allow
        raise NotAnEvent(f"the event can't be sent: {problem}") from None
    except (OSError, http.client.HTTPException) as problem:
        raise NoAnswer(port, problem) from None
    finally:
        connection.close()


def _travels(header: str) -> bool:
    """Headers that the connection or the gateway sets anew aren't sent."""
    return header not in _BY_CONNECTION and not header.startswith(("x-forwarded-", "x-amzn-"))


def _post(options: argparse.Namespace) -> int:
    event = fresh(options.event, sources())
    if is_webhook(event):
        answer = post(event, options.port or running_port("RELAY_PORT", "relay", 3000))
    else:
        port = options.port or running_port("LAMBDA_PORT", "lambda", 3001)
        answer = invoke(function_of(options.event), event, port)
    print(answer)
    return int(answer.failed)


def _fresh(options: argparse.Namespace) -> int:
    text = _text(fresh(options.event, sources()))
    if options.output:
        Path(options.output).write_text(text)
    else:
        print(text, end="")
    return 0


def _sign(options: argparse.Namespace) -> int:
    known = sources()
    for path in _webhook_files(options.files):
        path.write_text(_text(resigned(_read(path), known)))
        print(f"signed {path.name}")
    return 0


def _list(_options: argparse.Namespace) -> int:
    print("\n".join(names()))
    return 0


def _webhook_files(given: Sequence[str]) -> Iterator[Path]:
    for path in map(find, given) if given else sorted(EVENTS.glob("webhook-*.json")):
        if not is_webhook(_read(path)):
            raise NotAWebhook(f"{path.name} is no webhook: nothing to sign")
        yield path


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.event_files", description="The sample events of events/.")
    commands = parser.add_subparsers(required=True)
    posting = commands.add_parser("post", help="sign a fresh copy, send it to the local stack, print the answer")
    posting.add_argument("event", nargs="?", default="")
    posting.add_argument("--port", type=int, help="the running stack's by default")
    posting.set_defaults(run=_post)
    renewing = commands.add_parser("fresh", help="write a freshly signed copy, for sam local invoke")
    renewing.add_argument("event")
    renewing.add_argument("--output", help="a file; standard output by default")
    renewing.set_defaults(run=_fresh)
    signing = commands.add_parser("sign", help="sign edited files in place; ids and times stay")
    signing.add_argument("files", nargs="*", help="all webhooks in events/ by default")
    signing.set_defaults(run=_sign)
    commands.add_parser("list", help="name the events").set_defaults(run=_list)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (NoSuchEvent, NotAnEvent, NotAWebhook, NoAnswer, CannotSign, Unusable, Mistakes) as problem:
        print(problem, file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
