"""Measures the programs in turn, round by round, so that what else the machine does meets all of them alike."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from time import monotonic, sleep
from typing import Any, TypeVar

import requests

from bench.builds import Program
from bench.counting import counting
from bench.function import Function, FunctionFailed
from bench.scene import BATCH, Scene, checked, config, source, webhook

Rounds = dict[str, list[float]]
Curve = list[tuple[int, float]]
KINDS = ("direct", "queued", "delivery")
SIZES = {"2 KB": 2_000, "64 KB": 64_000, "512 KB": 512_000}
_EVENTS = {"2 KB": 20, "64 KB": 6, "512 KB": 3}  # in a round
_BATCHES = 6  # of a delivery, in a round
_WARM_UP = 3
_ATTEMPTS = 4  # a busy machine lets a call run into its deadline now and then
_OMNI_MS = 150  # how long OMNI takes where waiting is what is measured
_SECONDS = 2.0  # of deliveries at each concurrency
_T = TypeVar("_T")


def variants(programs: Mapping[str, Program]) -> Iterator[tuple[str, Program, str]]:
    """Yields a name such as `ours direct` for each program and each kind of event that it takes."""
    for program in programs.values():
        for kind in KINDS:
            if kind in program.handlers and (program.name != "peer-c-plain" or kind == "direct"):
                yield f"{program.name} {kind}", program, kind


def rounds(scene: Scene, programs: Mapping[str, Program], count: int, note: Callable[[str], None]) -> dict[str, Rounds]:
    """Gives, by variant and figure, one value a round: init, first, memory, and the warm time of each size."""
    found: dict[str, Rounds] = {name: defaultdict(list) for name, _, _ in variants(programs)}
    for number in range(1, count + 1):
        note(f"round {number} of {count}")
        for name, program, kind in variants(programs):
            note(f"  {name}")
            for figure, value in _again(partial(_one_round, scene, program, kind)).items():
                found[name][figure].append(value)
        for figure, value in _again(partial(_restored, scene, programs["ours"])).items():
            found.setdefault("ours restored", defaultdict(list))[figure].append(value)
        for program in programs.values():
            scene.empty(program)
    return found


def _one_round(scene: Scene, program: Program, kind: str) -> dict[str, float]:
    """A delivery's time is that of one of its messages. Other programs than floor B get all sizes."""
    share = BATCH if kind == "delivery" else 1
    found: dict[str, float] = {}
    events = scene.events(program, kind, SIZES["2 KB"])
    with scene.function(program, kind) as function:
        first = _taken(function, next(events))
        found |= {"init": function.init_ms, "first": function.init_ms + first, "after init": first}
        if program.name != "peer-c-plain":
            for size, length in SIZES.items():
                if kind == "delivery" and size != "2 KB":
                    continue  # a dispatch doesn't carry the body
                new = events if kind == "delivery" else scene.events(program, kind, length)
                count = _BATCHES if kind == "delivery" else _EVENTS[size]
                times = [_taken(function, next(new)) / share for _ in range(_WARM_UP + count)]
                found[size] = median(times[_WARM_UP:])
        found["memory"] = function.peak_megabytes()
    return found


def _restored(scene: Scene, ours: Program) -> dict[str, float]:
    """The first answer after a snapshot, as SnapStart makes one: what happens before it is not counted."""
    with scene.function(ours, "direct", snapshot=True) as function:
        restore = function.restore()
        return {"init": function.init_ms, "first": restore + _taken(function, webhook("direct"))}


def calls(scene: Scene, programs: Mapping[str, Program]) -> dict[str, dict[str, Any]]:
    """Gives, by variant, the AWS calls of the first event and of a warm one, connections and bytes of log.

    A delivery has one message here, so that the figures are those of one event.
    """
    found = {}
    for name, program, kind in variants(programs):
        if program.name != "peer-c-plain":
            found[name] = _again(partial(_calls, scene, program, kind))
    return found


def _calls(scene: Scene, program: Program, kind: str) -> dict[str, Any]:
    warm_events = 10
    with (
        counting(int(scene.stack.aws_url.rpartition(":")[2])) as counted,
        scene.function(program, kind, aws_url=counted.url) as function,
    ):
        events = _single(scene.events(program, kind, SIZES["2 KB"])) if kind == "delivery" else None
        _taken(function, next(events) if events else webhook(kind))
        cold = dict(sorted(counted.calls.items()))
        counted.calls.clear()
        logged = len(function.log())
        for _ in range(warm_events):
            _taken(function, next(events) if events else webhook(kind))
        warm = {call: round(number / warm_events) for call, number in sorted(counted.calls.items())}
        return {
            "cold": cold,
            "warm": {call: number for call, number in warm.items() if number},  # not the circuit's rare read
            "connections": counted.connections,
            "log_bytes": round((len(function.log()) - logged) / warm_events),
        }


def _single(batches: Iterator[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for record in batch["Records"]:
            yield {"Records": [record]}


def growth(scene: Scene, ours: Program, note: Callable[[str], None]) -> dict[str, Curve]:
    """Gives the warm milliseconds of an event against what grows."""
    found: dict[str, Curve] = {}
    for what, counts, make in _GROWING:
        note(f"growth: {what}")
        found[what] = [(n, _again(partial(_grown, scene, ours, n, make))) for n in counts]
    return found


def _grown(scene: Scene, ours: Program, count: int, make: "Callable[[int], _Case]") -> float:
    sources, content, kind = make(count)
    prefix = f"/bench/{make.__name__.strip('_')}/{count}"
    scene.configure(prefix, config(sources), only=("grown",))
    events = 3 if count > 100 else 7  # noqa: PLR2004  # the many notifications of an event average themselves
    with scene.function(ours, kind, prefix=prefix) as function:
        times = [_taken(function, webhook("grown", content)) for _ in range(1 + events)]
    return median(times[1:])


_Case = tuple[Mapping[str, Any], Mapping[str, Any], str]


def _routes(count: int) -> _Case:
    route = source()["routes"]["all"]
    routes = {f"r{n}": route | {"when": f"body.kind == '{'deploy' if n == 0 else n}'"} for n in range(count)}
    return {"grown": source(routes=routes)}, {}, "direct"


def _destinations(count: int) -> _Case:
    to = [{"phone": f"+4179302{n:04}"} for n in range(count)]
    return {"grown": source(to="body.to")}, {"to": to}, "direct"


def _sources(count: int) -> _Case:
    return {"grown": source(), **{f"other-{n}": source() for n in range(count - 1)}}, {}, "direct"


def _items(count: int) -> _Case:
    grown = source("queued", for_each="body.items", text="{{ item.name }} is out")
    return {"grown": grown}, {"items": [{"name": f"lantern {n}"} for n in range(count)]}, "queued"


_GROWING: Sequence[tuple[str, Sequence[int], Callable[[int], _Case]]] = (
    ("routes of the source", (1, 10, 100, 1_000), _routes),
    ("destinations of the event", (1, 10, 100, 1_000, 5_000), _destinations),
    ("configured sources", (1, 10, 100, 1_000), _sources),
    ("items of for_each", (1, 10, 100, 500), _items),
)


def deliveries(scene: Scene, ours: Program, note: Callable[[str], None]) -> Curve:
    """Gives the messages a second that several processes deliver at once while OMNI takes 150 ms for each send.

    This is elapsed time, which is mostly OMNI's.
    """
    found: Curve = []
    for concurrency in (1, 2, 4, 8):
        note(f"deliveries, {concurrency} at once")
        found.append((concurrency, _delivered(scene, ours, concurrency)))
    requests.delete(f"{scene.stack.sandbox_url}/sandbox/faults", timeout=5).raise_for_status()
    return found


def _delivered(scene: Scene, ours: Program, concurrency: int) -> float:
    fault = {"kind": "delay", "delayMs": _OMNI_MS, "count": 100_000}
    sandbox = f"{scene.stack.sandbox_url}/sandbox/faults"
    requests.delete(sandbox, timeout=5).raise_for_status()
    batches = scene.events(ours, "delivery", SIZES["2 KB"])
    ready = [next(batches) for _ in range(round(concurrency * _SECONDS * 1000 / _OMNI_MS / BATCH))]
    requests.post(sandbox, json=fault, timeout=5).raise_for_status()
    with ThreadPoolExecutor(concurrency) as pool:
        functions = list(pool.map(lambda _: scene.function(ours, "delivery").__enter__(), range(concurrency)))
        try:
            for function in functions:
                _taken(function, ready.pop())
            shares = [ready[start::concurrency] for start in range(concurrency)]
            began = monotonic()
            list(
                pool.map(
                    lambda pair: [_taken(pair[0], batch) for batch in pair[1]], zip(functions, shares, strict=True)
                )
            )
            return len(ready) * BATCH / (monotonic() - began)
        finally:
            for function in functions:
                function.__exit__(None, None, None)


def _taken(function: Function, event: Mapping[str, Any]) -> float:
    """Returns the processor time of an event that was dealt with."""
    answer, milliseconds = function.invoke(event)
    checked(answer)
    return milliseconds


def _again(measure: Callable[[], _T]) -> _T:
    """Measures again if a call failed, because a figure with a failure in it compares nothing."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return measure()
        except (FunctionFailed, RuntimeError) as failure:
            sys.stderr.write(f"measured again, because {str(failure)[:300]}\n")
            sleep(1)
    return measure()
