"""Finds every mistake in relay.yaml and its secrets at once.

A source and a route name only the first mistake that they meet. So the check notes it, puts something right in its
place, and asks again, until nothing is left. The rules stand in `relay.configure` alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from configuration.files import Parts
from configuration.mistakes import Mistake, at, nearest, shown
from configuration.schedules import schedule_mistakes
from relay.configure.routes import ROUTE_FIELDS, STEP_FIELDS, compile_route
from relay.configure.sources import SOURCE_FIELDS, SOURCE_NAME, ConfigurationMistake, parse_source
from relay.message.channels import CHANNELS
from relay.message.wording import NO_SUCH_FIELD
from relay.problems import Mistake as Refusal
from relay.verification import PRESETS, parse

Json = Any
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SOURCE = re.compile(SOURCE_NAME)
_FIELD = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MOST = 50  # mistakes that are looked for in one route or in one source's settings

TOP = ("scenarios", "sources", "schedules")
STEPS = "unless_delivered"
OF_SOURCE = (*SOURCE_FIELDS, "routes")
# Something right for each field, with which the search for further mistakes goes on. None takes the field away.
_RIGHT_IN_ROUTE: Mapping[str, Json] = {
    "scenario": "any",
    "to": [{"email": "anybody@example.com"}],
    "text": "any",
    "for_each": "body",
}
_RIGHT_IN_SOURCE: Mapping[str, Json] = {"verify": "bearer"}
_RIGHT_AT_END: Mapping[str, Json] = {"phone": "+41793026727", "email": "anybody@example.com", "within": "5m"}
_EXAMPLES = {
    "verify": "how its requests prove who sent them, such as verify: github",
    "scenario": "by which of the scenarios it is sent, such as scenario: incident",
    "to": 'who gets the message, such as to: [{phone: "+41 79 302 67 27"}]',
}


def mistakes(config: Json, secrets: Json) -> Iterator[Mistake]:
    """Gives each mistake in the parsed files. A missing secret is none here: `secretless` names those."""
    if not isinstance(config, Mapping) or not isinstance(secrets, Mapping):
        yield Mistake("expected a mapping with scenarios and sources")
        return
    unquoted = [*_unquoted(config, config, ()), *_unquoted(secrets, secrets, (), "secrets")]
    if unquoted:  # the other checks take names to be text
        yield from unquoted
        return
    yield from _top_mistakes(config)
    scenarios, sources = config.get("scenarios") or {}, config.get("sources") or {}
    if not isinstance(scenarios, Mapping) or not isinstance(sources, Mapping):
        yield Mistake("scenarios and sources: expected mappings", **at(config, ("sources",)))
        return
    yield from _scenario_mistakes(config, scenarios)
    for name, source in sources.items():
        yield from _SourceCheck(config, name, source, scenarios).mistakes()
    yield from schedule_mistakes(config)
    yield from _secret_mistakes(secrets, sources)


def secretless(config: Mapping[str, Json], known: Iterable[str]) -> Iterator[Mistake]:
    """Gives a mistake for each source that needs a secret and isn't among `known`: it would refuse every event.

    A source that has another mistake may be left out.
    """
    names, sources = set(known), config.get("sources")
    for name, source in sources.items() if isinstance(sources, Mapping) else ():
        if name not in names and _needs_secret(source):
            words = f"it has no secret, so it refuses everything: add {name}: … under sources in the secrets file"
            yield Mistake(words, name, **at(config, ("sources", name)))


def unfollowed(config: Mapping[str, Json]) -> Iterator[Mistake]:
    """Gives a mistake for each route with `unless_delivered`, for a stack whose DeliveryReports is off."""
    words = "the stack's DeliveryReports is off, so nothing tells what is delivered: set it to pull or push"
    for name, source in config["sources"].items():
        for route, rule in (source.get("routes") or {}).items():
            if rule.get(STEPS) is not None:
                path = ("sources", name, "routes", route, STEPS)
                yield Mistake(words, name, route, STEPS, **at(config, path))


def key_of(scenario: Json) -> Json:
    """Gives OMNI's key. A scenario is the key itself, or `{key, flow}`, where `flow` is for the sandbox."""
    return scenario.get("key") if isinstance(scenario, Mapping) and set(scenario) <= {"key", "flow"} else scenario


def _needs_secret(source: Json) -> bool:
    try:
        return parse(source["verify"]).has_secret
    except (ValueError, LookupError, TypeError):
        return False


def _top_mistakes(config: Mapping[str, Json]) -> Iterator[Mistake]:
    for name in sorted(set(config) - set(TOP)):
        words, meant = _misplaced(name, "at the top"), nearest(name, TOP)
        words = words or f"unknown field {shown(name)}; expected {', '.join(TOP)}"
        yield Mistake(words, field=shown(name), meant=meant, **at(config, (name,)))
    if not config.get("sources"):
        yield Mistake("there are no sources: expected at least one under sources", **at(config, ("sources",)))


def _misplaced(name: str, here: str) -> str | None:
    """Says to which level a known field belongs that stands at another one."""
    if name in OF_SOURCE and name not in {"id", "format", "muted"}:
        return f"unknown field {name} {here}: it belongs to a source; indent it under the source's name, beside verify"
    if name in ROUTE_FIELDS:
        return f"unknown field {name} {here}: it belongs to a route; indent it under routes and the route's name"
    if name in TOP:
        return f"unknown field {name} {here}: it belongs to the top; write it without indentation"
    return None


def _scenario_mistakes(config: Json, scenarios: Mapping[str, Json]) -> Iterator[Mistake]:
    words = "expected a name of letters, digits, '.', '_', '-', and a key in quotes"
    for name, scenario in scenarios.items():
        key = key_of(scenario)
        if not isinstance(key, str) or not _NAME.fullmatch(name) or not key.strip():
            yield Mistake(words, field=f"scenario {shown(name)}", **at(config, ("scenarios", name)))


def _unquoted(document: Json, value: Json, path: Parts, file: str = "") -> Iterator[Mistake]:
    """Finds names at any depth that YAML reads as a number, true or null, because JSON would change them."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            inside = (*path, str(name))
            if not isinstance(name, str):
                words = f"YAML reads this name as {type(name).__name__}, not as text; put it in quotes"
                yield Mistake(words, field=_field_text((file, *inside) if file else inside), **at(document, inside))
            yield from _unquoted(document, inner, inside, file)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unquoted(document, inner, (*path, index), file)


def _field_text(path: Parts) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _secret_mistakes(secrets: Mapping[str, Json], sources: Mapping[str, Json]) -> Iterator[Mistake]:
    given = secrets.get("sources") or {}
    if set(secrets) - {"sources"} or not isinstance(given, Mapping):
        place = at(secrets, tuple(sorted(set(secrets) - {"sources"})[:1]))
        yield Mistake("expected sources, and under it each source's secret", field="secrets", **place)
        return
    for name, secret in given.items():
        place = at(secrets, ("sources", name))
        if name not in sources:
            words = f"there is no source {shown(name)}"
            yield Mistake(words, field="secrets", meant=nearest(name, sources), **place)
        several = secret if isinstance(secret, list) else [secret]
        field = f"secrets, source {shown(name)}"
        if not several or not all(isinstance(one, str) and one.strip() for one in several):
            words = "expected a text (in quotes, if it is a number), or a list of them"
            yield Mistake(words, field=field, **place)
        elif any(one != one.strip() for one in several):
            yield Mistake("expected no white space around a secret (after |, write |-)", field=field, **place)


class _SourceCheck:
    """The check of one source: its settings, then each of its routes."""

    def __init__(self, config: Json, name: str, source: Json, scenarios: Mapping[str, Json]) -> None:
        self._config = config
        self._name = name
        self._source = source
        self._scenarios = scenarios

    def mistakes(self) -> Iterator[Mistake]:
        if self._name in {"routes", *TOP} and isinstance(self._source, Mapping) and "verify" not in self._source:
            words = f"{self._name} stands where a source's name is expected: indent it under its source"
            yield Mistake(words, **at(self._config, ("sources", self._name)))
            return
        if not _SOURCE.fullmatch(self._name):
            yield self._mistake("expected a name of lower-case letters, digits and hyphens, 63 at most")
            return
        if not isinstance(self._source, Mapping):
            yield self._mistake("expected a mapping with verify and routes")
            return
        routes = self._source.get("routes") or {}
        if not isinstance(routes, Mapping):
            yield self._mistake("expected a mapping with verify and routes", field=("routes",))
            return
        if set(routes) & set(ROUTE_FIELDS) and not any(isinstance(rule, Mapping) for rule in routes.values()):
            words = "a route's fields stand where its name is expected: name the route, and indent them under it"
            yield self._mistake(words, field=("routes", next(iter(routes))))
            return
        yield from self._settings_mistakes(routes)
        for route, rule in routes.items():
            yield from self._route_mistakes(route, rule)

    def _settings_mistakes(self, routes: Mapping[str, Json]) -> Iterator[Mistake]:
        settings = {key: value for key, value in self._source.items() if key != "routes"}

        def check(given: Json) -> None:
            try:
                parse_source(self._name, given, {route: {} for route in routes}, ())
            except ConfigurationMistake as mistake:
                raise Refusal(mistake.detail, mistake.field) from None

        for path, words in _each_refusal(settings, check, _RIGHT_IN_SOURCE, OF_SOURCE):
            yield self._mistake(words, field=path, known=self._known(path), level=f"in source {self._name}")

    def _known(self, path: Parts) -> Iterable[str]:
        """The names that may stand where `path` leads to."""
        if path[:1] != ("verify",):
            return OF_SOURCE
        preset = str(self._source["verify"].get("preset")) if len(path) > 1 else ""
        return PRESETS[preset].model.model_fields if preset in PRESETS else PRESETS

    def _route_mistakes(self, route: str, rule: Json) -> Iterator[Mistake]:
        if not _NAME.fullmatch(route):
            yield self._mistake("expected a name of letters, digits, '.', '_', '-'", route)
        refused = list(_each_refusal(rule, lambda given: compile_route(route, given), _RIGHT_IN_ROUTE, ROUTE_FIELDS))
        for path, words in refused:
            yield self._mistake(words, route, field=path, known=_known(path), level=f"in route {shown(route)}")
        for place, draft in ((), rule), *_steps(rule):
            scenario = draft.get("scenario") if isinstance(draft, Mapping) else None
            if isinstance(scenario, str) and _NAME.fullmatch(scenario) and scenario not in self._scenarios:
                words = f"there is no scenario {scenario} under scenarios"
                meant = nearest(scenario, self._scenarios)
                yield self._mistake(words, route, field=(*place, "scenario"), meant=meant)

    def _mistake(
        self,
        words: str,
        route: str | None = None,
        *,
        field: Parts = (),
        known: Iterable[str] = (),
        level: str = "",
        meant: str | None = None,
    ) -> Mistake:
        path = ("sources", self._name, *(("routes", route) if route else ()), *field)
        last = next((part for part in reversed(field) if isinstance(part, str)), "")
        if words.startswith(NO_SUCH_FIELD):
            meant = nearest(last, known)
            words = (None if meant or len(field) > 1 else _misplaced(last, level)) or words
        elif words == "expected a value" and len(field) == 1:
            words = f"it is missing: {_EXAMPLES.get(last, words)}"
        elif words.startswith("expected a preset"):
            given = self._source.get("verify")
            given = given.get("preset") if isinstance(given, Mapping) else given
            meant = nearest(str(given), PRESETS)
        else:
            meant = meant or _meant(words)
            words += _hint(words)
        return Mistake(words, self._name, route, _field_text(field), meant, **at(self._config, path))


def _steps(rule: Json) -> Iterator[tuple[Parts, Json]]:
    """Gives each step of a route's `unless_delivered` with its path."""
    steps = rule.get(STEPS) if isinstance(rule, Mapping) else None
    if isinstance(steps, list):
        yield from (((STEPS, index), step) for index, step in enumerate(steps))
    elif steps is not None:
        yield (STEPS,), steps


def _known(path: Parts) -> Iterable[str]:
    """The names that may stand in a route where `path` leads to."""
    names = tuple(part for part in path if isinstance(part, str))
    if names[:1] == (STEPS,) and len(names) > 1:
        known, names = STEP_FIELDS, names[1:]
    else:
        known = ROUTE_FIELDS
    return CHANNELS if names[:1] == ("channels",) else known if len(names) == 1 else ("phone", "email")


def _meant(words: str) -> str | None:
    """Gives the right name of a variable, a filter or a function in an expression or a template."""
    listed = re.search(r"'(\w+)'[^:]*: expected one of ([\w, ]+)", words)
    if listed:
        return nearest(listed[1], listed[2].split(", "))
    function = re.search(r"there is no function (\w+)\(\)", words)
    return nearest(function[1], _functions()) if function else None


def _functions() -> Iterable[str]:
    from jmespath.functions import Functions

    names: Iterable[str] = Functions.FUNCTION_TABLE
    return names


def _hint(words: str) -> str:
    slipped = "unexpected '}'" in words or "unexpected end of template" in words
    return "; a value of the event is written {{ … }}" if slipped else ""


def _each_refusal(
    raw: Json, check: Callable[[Json], object], right: Mapping[str, Json], names: Iterable[str]
) -> list[tuple[Parts, str]]:
    """Gives the path and the words of each mistake that `check` finds by raising Refusal, one by one.

    A field that is missing because its name is misspelled is told once, by the misspelled name.
    """
    found: list[tuple[Parts, str]] = []
    given = deepcopy(raw)
    while len(found) < _MOST:
        try:
            check(given)
            break
        except Refusal as refusal:
            path = _path(refusal.place)
            known_already = (path, refusal.detail) in found or not path
            if (path, refusal.detail) not in found:
                found.append((path, refusal.detail))
            if not isinstance(given, dict) or not path or not _mended(given, path, right, whole=known_already):
                break
    unknown = [str(path[0]) for path, words in found if len(path) == 1 and words.startswith(NO_SUCH_FIELD)]
    misspelled = {nearest(name, names) for name in unknown}
    return [(path, words) for path, words in found if not (path[:1] and path[0] in misspelled and path[0] not in raw)]


def _path(field: str) -> Parts:
    """Reads `to[0].phone`, and leaves out a line of a template."""
    names = re.sub(r": line \d+$", "", field)
    return tuple(int(index) if index else name for index, name in _FIELD.findall(names))


def _mended(given: dict[str, Json], path: Parts, right: Mapping[str, Json], *, whole: bool) -> bool:
    """Puts something right at `path`, or with `whole` in the place of the field that it is in. False if it can't."""
    before = deepcopy(given)
    root, last = path[0], path[-1]
    if len(path) > 1 and not whole and _replaced(given, path, _RIGHT_AT_END.get(str(last))):
        return given != before
    if isinstance(root, str) and right.get(root) is not None:
        given[root] = deepcopy(right[root])
    else:
        given.pop(str(root), None)
        if root == "channels":  # the message still says something
            given.setdefault("text", right.get("text"))
    return given != before


def _replaced(given: Json, path: Parts, value: Json) -> bool:
    """Replaces the part at `path`, or takes it away if `value` is None. False if there is no such part."""
    *way, last = path
    inner = given
    for part in way:
        try:
            inner = inner[part]
        except (LookupError, TypeError):
            return False
    if isinstance(inner, dict) and last in inner:
        if value is None:
            del inner[last]
            if path[0] == "to":  # a recipient whose only address has a misspelled name
                inner.setdefault("email", _RIGHT_AT_END["email"])
        else:
            inner[str(last)] = value
        return True
    return False
