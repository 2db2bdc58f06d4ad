"""Runs a handler in this fresh process: imports it, then gives it two events. Run: probe.py MODULE EVENTS RESULT.

It writes, to the file RESULT, the modules that are there after the import and after the first event, the answers, and
what the cloud counted by then. Nothing of the tests is imported, because it would hide what the handler imports.
"""

import sys

_BEFORE = set(sys.modules)

import importlib  # noqa: E402  # after the modules were noted
import json  # noqa: E402  # as above
import os  # noqa: E402  # as above
import urllib.request  # noqa: E402  # as above
from typing import Any  # noqa: E402  # as above


class _Context:
    function_name = "budget"
    function_version = "1"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:budget"
    aws_request_id = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def _counted() -> dict[str, int]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(os.environ["AWS_ENDPOINT_URL"]) as answer:
        return dict(json.load(answer))


def main(module: str, events: str, result: str) -> None:
    handler = importlib.import_module(module).handler
    found: dict[str, Any] = {"init": sorted(set(sys.modules) - _BEFORE), "calls at init": _counted(), "answers": []}
    for step, event in zip(("first", "warm"), json.loads(events), strict=True):
        found["answers"].append(handler(event, _Context()))
        found[step], found[f"calls {step}"] = sorted(set(sys.modules) - _BEFORE), _counted()
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123  # pathlib is not to be imported here
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
