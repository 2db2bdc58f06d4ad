"""Runs the whole relay on this machine for `make run`: relays the sample events, then says what to try next."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

from configuration import run_file
from configuration.checking import secretless
from configuration.mistakes import Mistakes
from sandbox.live_lines import LiveLines
from sandbox.samples import relayed_samples, sample_names
from sandbox.sockets import CannotListen
from sandbox.stack.intrinsics import TemplateError
from sandbox.stack.settings import StackError, StackSettings
from sandbox.stack.specs import REGION
from sandbox.stack.stack import Stack, StackStopped
from sandbox.variables import Unusable, named_files, run_file_path, settings_from_environment
from sandbox.watching import watching

MISTAKE = 2
_EXAMPLE = "github-release"  # the one that README.md names


def guide(stack: Stack) -> str:
    """Says where everything listens, and which commands send the next event."""
    return "\n".join(
        (
            "",
            f"  relay     {stack.relay_url}/webhooks/{{source}}",
            f"  inbox     {stack.sandbox_url}/",
            f"  sandbox   {stack.sandbox_url}/omni/1",
            f"  AWS       {stack.aws_url} (SSM, SQS, DynamoDB), {stack.lambda_url} (Lambda)",
            f"  logs      {os.path.relpath(stack.settings.logs)}/",
            "",
            "Send the next one:",
            *_events(stack),
            *_curl(stack),
            "",
            "What becomes of events and messages follows here. Ctrl-C stops everything.",
        )
    )


def _events(stack: Stack) -> Iterator[str]:
    """Commands for a sample whose source is configured, if there is one, and for the schedule."""
    names = sample_names(stack.settings.config)
    if names:
        name = _EXAMPLE if _EXAMPLE in names else names[0]
        yield f"  make event EVENT={name}"
    yield "  make event EVENT=schedule"


def _curl(stack: Stack) -> Iterator[str]:
    """A command to paste. It fits our own configuration only, and must never show a real secret."""
    secret = (stack.settings.secrets.get("sources") or {}).get("alertmanager")
    if isinstance(secret, str) and not os.environ.get("CONFIG") and not os.environ.get("SECRETS"):
        alert = {"labels": {"alertname": "DiskFull"}, "status": "firing", "annotations": {"summary": "95 % used"}}
        body = json.dumps({"status": "firing", "groupKey": "disk", "alerts": [alert]})
        yield f"  curl -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/json' \\"
        yield f"    -d '{body}' \\"
        yield f"    {stack.relay_url}/webhooks/alertmanager"


class _Ending:
    """Stops the stack on a signal, at whatever moment the signal comes."""

    def __init__(self) -> None:
        self._asked = False
        self._stack: Stack | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def stops(self, stack: Stack) -> None:
        self._stack = stack
        if self._asked:
            stack.stop()

    def _ask(self, *_: object) -> None:
        self._asked = True
        if self._stack is not None:
            self._stack.stop()


def _relayed(stack: Stack) -> Iterator[str]:
    lines = relayed_samples(stack)
    first = next(lines, None)
    if first is None:
        yield "Ready. None of the events in events/ has a source in this configuration."
        return
    yield "Ready. Relayed so far:"
    yield first
    yield from lines


def _say(text: str) -> None:
    print(text, flush=True)


def _ends(live: LiveLines) -> Iterator[str]:
    """How many of the samples' messages have reached which end. From now on, each line is said as it comes."""
    ends = live.start()
    if ends:
        yield f"Their messages so far: {ends}"


@contextmanager
def announced(stack: Stack) -> Iterator[None]:
    """Tells verbs of the stack in run.json, as long as it runs."""
    config, secrets = named_files()
    urls = {"relay": stack.relay_url, "sandbox": stack.sandbox_url, "aws": stack.aws_url, "lambda": stack.lambda_url}
    run_file.write(
        run_file_path(),
        {
            "pid": os.getpid(),
            "urls": urls,
            "region": REGION,
            "config": str(config),
            "secrets": str(secrets) if secrets else None,
            "logs": str(stack.settings.logs.absolute()),
            "outputs": stack.outputs,
        },
    )
    try:
        yield
    finally:
        run_file.remove(run_file_path())


def _serve(settings: StackSettings, ending: _Ending) -> None:
    """Raises what Stack raises, and StackError when a part ends by itself."""
    print("Starting …", flush=True)
    live = LiveLines(_say)
    made = Stack(replace(settings, listener=live))
    ending.stops(made)
    with made as stack, announced(stack), watching(stack, _say):
        for line in chain(_relayed(stack), _ends(live), [guide(stack)]):
            if stack.stopping:
                break
            print(line, flush=True)
        stack.wait()


def main() -> int:
    """Runs until Ctrl-C or SIGTERM. Returns 2 if the person must correct something first."""
    ending = _Ending()
    try:
        settings = settings_from_environment()
        for missing in secretless(settings.config, settings.secrets.get("sources") or {}):
            print(missing, file=sys.stderr)
        _serve(settings, ending)
        print("Stopped.", flush=True)
    except StackStopped:
        print("Stopped.", flush=True)
    except Mistakes as mistakes:
        print("The configuration has mistakes:", *mistakes.lines, sep="\n  ", file=sys.stderr)
        return MISTAKE
    except (Unusable, CannotListen, TemplateError, StackError) as problem:
        print(problem, file=sys.stderr)
        return MISTAKE
    return 0
