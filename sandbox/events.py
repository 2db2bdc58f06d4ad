"""The files of events/: finds, signs, and posts them. `python -m sandbox.events` says how."""

import argparse
import http.client
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.files import Unreadable, read_yaml
from sandbox.renewal import Sources, body_of, renewed, resigned
from sandbox.signing import CannotSign

ROOT = Path(__file__).resolve().parent.parent
EVENTS = ROOT / "events"
HOST = "127.0.0.1"
_TIMEOUT = 35.0  # seconds; API Gateway itself gives up after 30
_BY_CONNECTION = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})
_FIRST_ERROR_STATUS = 400


class NoSuchEvent(LookupError):
    """`name` is no file, and no name of a file of events/."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no event {name!r}; there are: {', '.join(names())}")
        self.name = name


class NotAWebhook(ValueError):
    """The file holds another function's event."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    body: bytes

    def __str__(self) -> str:
        try:
            shown = json.dumps(json.loads(self.body), indent=2, ensure_ascii=False)
        except ValueError:
            shown = self.body.decode(errors="replace")
        return f"HTTP {self.status} {self.reason}\n{shown}"


def names() -> list[str]:
    """As `find` takes them: the files' names without `webhook-` and `.json`."""
    return sorted(path.stem.removeprefix("webhook-") for path in EVENTS.glob("*.json"))


def find(name: str) -> Path:
    """The file of that path, `events/<name>.json` or `events/webhook-<name>.json`. Raises NoSuchEvent."""
    candidates = (Path(name), EVENTS / name, EVENTS / f"{name}.json", EVENTS / f"webhook-{name}.json")
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise NoSuchEvent(name)
    return found


def load(name: str) -> dict[str, Any]:
    """Raises NoSuchEvent."""
    event: dict[str, Any] = json.loads(find(name).read_text())
    return event


def is_webhook(event: Any) -> bool:
    return isinstance(event, dict) and "rawPath" in event


def sources(config: Path | None = None, secrets: Path | None = None) -> Sources:
    """What the two YAML files say, by default those of CONFIG and SECRETS. Raises Unreadable."""
    config = config or Path(os.environ.get("CONFIG") or ROOT / "relay.yaml")
    secrets = secrets or Path(os.environ.get("SECRETS") or ROOT / "secrets.local.yaml")
    return Sources(read_yaml(config), read_yaml(secrets))


def fresh(name: str, known: Sources) -> dict[str, Any]:
    """The named event as of now; another function's event as it is."""
    event = load(name)
    return renewed(event, known, datetime.now(UTC)) if is_webhook(event) else event


def post(event: dict[str, Any], port: int) -> Answer:
    """Sends the event as the HTTP request that it was. Raises NotAWebhook or OSError."""
    if not is_webhook(event):
        raise NotAWebhook("only webhooks are posted; make invoke FUNCTION=… EVENT=… runs the other functions")
    target = event["rawPath"] + (f"?{event['rawQueryString']}" if event["rawQueryString"] else "")
    headers = {name: value for name, value in event["headers"].items() if _travels(name)}
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT)
    try:
        connection.request(event["requestContext"]["http"]["method"], target, body_of(event), headers)
        response = connection.getresponse()
        return Answer(response.status, response.reason, response.read())
    finally:
        connection.close()


def _travels(header: str) -> bool:
    """What the connection and the gateway set by themselves stays behind."""
    return header not in _BY_CONNECTION and not header.startswith(("x-forwarded-", "x-amzn-"))


def _post(options: argparse.Namespace) -> int:
    try:
        answer = post(fresh(options.event, sources()), options.port)
    except OSError as problem:
        print(f"nothing answers on {HOST}:{options.port} ({problem}); start it with: make run", file=sys.stderr)
        return 2
    print(answer)
    return int(answer.status >= _FIRST_ERROR_STATUS)


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
        path.write_text(_text(resigned(json.loads(path.read_text()), known)))
        print(f"signed {path.name}")
    return 0


def _list(_options: argparse.Namespace) -> int:
    print("\n".join(names()))
    return 0


def _webhook_files(given: Sequence[str]) -> Iterator[Path]:
    for path in map(find, given) if given else sorted(EVENTS.glob("webhook-*.json")):
        if not is_webhook(json.loads(path.read_text())):
            raise NotAWebhook(f"{path.name} is no webhook: nothing to sign")
        yield path


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.events", description="The sample events of events/.")
    commands = parser.add_subparsers(required=True)
    posting = commands.add_parser("post", help="sign a fresh copy, post it to the local relay, print the answer")
    posting.add_argument("event", nargs="?", default="")
    posting.add_argument("--port", type=int, default=int(os.environ.get("RELAY_PORT") or 3000))
    posting.set_defaults(run=_post)
    renewing = commands.add_parser("fresh", help="write a freshly signed copy, for sam local invoke")
    renewing.add_argument("event")
    renewing.add_argument("--output", help="a file; by default standard output")
    renewing.set_defaults(run=_fresh)
    signing = commands.add_parser("sign", help="sign files in place after an edit; ids and time stay")
    signing.add_argument("files", nargs="*", help="by default all webhooks of events/")
    signing.set_defaults(run=_sign)
    commands.add_parser("list", help="name the events").set_defaults(run=_list)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (NoSuchEvent, NotAWebhook, CannotSign, Unreadable) as problem:
        print(problem, file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
