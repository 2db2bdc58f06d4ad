"""The YAML tags and intrinsic functions of CloudFormation that template.yaml uses."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Json = Any
_ABSENT = object()  # stands for AWS::NoValue, which removes the property itself
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(Exception):
    """The template can't be used. `place` is a resource and its property, such as `Queue.VisibilityTimeout`."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"template.yaml: {place}: {problem}")
        self.place = place
        self.problem = problem


class _Loader(yaml.SafeLoader):
    """Turns `!Sub x` into `{"Fn::Sub": x}`, as JSON templates write it."""


def _construct_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Json:
    if isinstance(node, yaml.ScalarNode):
        value: Json = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # there are only these three kinds of node
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct_tag)


def load_yaml(path: Path) -> dict[str, Json]:
    """Raises TemplateError if the file isn't a YAML mapping."""
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    except yaml.YAMLError as error:
        raise TemplateError(str(path), f"not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise TemplateError(str(path), "expected a mapping")
    return loaded


def text(value: Json) -> str:
    """A scalar as CloudFormation writes it: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Resolver:
    """`reference` and `attribute` give the `Ref` and `GetAtt` of a resource. They raise KeyError."""

    parameters: Mapping[str, Json]
    conditions: Mapping[str, Json]
    reference: Callable[[str], Json]
    attribute: Callable[[str, str], Json]
    mappings: Mapping[str, Json] = field(default_factory=dict)

    def resolve(self, value: Json, place: str) -> Json:
        """The value without intrinsic functions. Raises TemplateError with the place of an unknown one."""
        resolved = self._resolve(value, place)
        return None if resolved is _ABSENT else resolved

    def _resolve(self, value: Json, place: str) -> Json:
        if isinstance(value, list):
            items = [self._resolve(item, place) for item in value]
            return [item for item in items if item is not _ABSENT]
        if not isinstance(value, dict):
            return value
        name = next(iter(value), "")
        if len(value) == 1 and (name in {"Ref", "Condition"} or name.startswith("Fn::")):
            if name not in _FUNCTIONS:
                raise TemplateError(place, f"{name} isn't supported by the local stack")
            return _FUNCTIONS[name](self, value[name], place)
        members = {key: self._resolve(member, f"{place}.{key}") for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not _ABSENT}

    def ref(self, name: Json, place: str) -> Json:
        if name == "AWS::NoValue":
            return _ABSENT
        if name in self.parameters:
            return self.parameters[name]
        try:
            return self.reference(name)
        except KeyError:
            raise TemplateError(place, f"Ref {name}: no such parameter or resource known to the local stack") from None

    def get_att(self, path: Json, place: str) -> Json:
        resource, attribute = path
        try:
            return self.attribute(resource, attribute)
        except KeyError:
            raise TemplateError(place, f"GetAtt {resource}.{attribute}: not known to the local stack") from None

    def sub(self, argument: Json, place: str) -> Json:
        template, own = argument if isinstance(argument, list) else (argument, {})
        variables = {name: self._resolve(value, place) for name, value in own.items()}

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in variables:
                return text(variables[name])
            resource, dot, attribute = name.partition(".")
            return text(self.get_att((resource, attribute), place) if dot else self.ref(name, place))

        return _PLACEHOLDER.sub(replace, template)

    def if_(self, argument: Json, place: str) -> Json:
        condition, then, otherwise = argument
        return self._resolve(then if self.holds(condition, place) else otherwise, place)

    def holds(self, condition: str, place: str) -> bool:
        """Whether a named condition is met."""
        if condition not in self.conditions:
            raise TemplateError(place, f"no condition {condition}")
        return bool(self._resolve(self.conditions[condition], f"Conditions.{condition}"))

    def join(self, argument: Json, place: str) -> str:
        delimiter, items = argument
        return str(delimiter).join(text(item) for item in self._resolve(items, place))

    def select(self, argument: Json, place: str) -> Json:
        index, items = self._resolve(argument, place)
        return items[int(index)]

    def split(self, argument: Json, place: str) -> list[str]:
        delimiter, source = self._resolve(argument, place)
        return str(source).split(delimiter)

    def equals(self, argument: Json, place: str) -> bool:
        left, right = self._resolve(argument, place)
        return text(left) == text(right)

    def all_(self, argument: Json, place: str) -> bool:
        return all(self._resolve(argument, place))

    def any_(self, argument: Json, place: str) -> bool:
        return any(self._resolve(argument, place))

    def not_(self, argument: Json, place: str) -> bool:
        return not self.all_(argument, place)

    def find_in_map(self, argument: Json, place: str) -> Json:
        name, first, second = self._resolve(argument, place)
        try:
            return self.mappings[name][first][second]
        except KeyError:
            raise TemplateError(place, f"FindInMap: no {name}.{first}.{second}") from None


_FUNCTIONS: Mapping[str, Callable[[Resolver, Json, str], Json]] = {
    "Ref": Resolver.ref,
    "Condition": lambda resolver, name, place: resolver.holds(name, place),
    "Fn::GetAtt": Resolver.get_att,
    "Fn::Sub": Resolver.sub,
    "Fn::If": Resolver.if_,
    "Fn::Join": Resolver.join,
    "Fn::Select": Resolver.select,
    "Fn::Split": Resolver.split,
    "Fn::Equals": Resolver.equals,
    "Fn::And": Resolver.all_,
    "Fn::Or": Resolver.any_,
    "Fn::Not": Resolver.not_,
    "Fn::FindInMap": Resolver.find_in_map,
}
