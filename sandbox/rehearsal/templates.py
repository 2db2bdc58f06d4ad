"""template.yaml as CloudFormation gets it: translated by SAM, checked against AWS's schemas, and cut down for moto."""

import json
import re
import subprocess
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sandbox.stack.intrinsics import Resolver
from sandbox.stack.settings import PROJECT
from sandbox.stack.specs import ACCOUNT, REGION

Json = Any
StackTemplate = dict[str, Json]
_SAM_PYTHON = PROJECT / ".venv-sam" / "bin" / "python"
_CFN_LINT = PROJECT / ".venv-sam" / "bin" / "cfn-lint"
_TRANSLATE = Path(__file__).with_name("translate.py")
CODE = {"Bucket": "rehearsal-code", "Key": "src.zip"}
_OF_A_FUNCTION = frozenset({"AWS::Lambda::Alias", "AWS::Lambda::Version"})
_ABSENT = object()  # stands for AWS::NoValue


class CannotTranslate(Exception):
    """SAM's translator refuses the template. The text is its own."""


@dataclass(frozen=True, slots=True)
class Translated:
    """`translator` is the version of aws-sam-translator."""

    translator: str
    template: StackTemplate

    def types(self) -> Mapping[str, str]:
        """The type of each resource by its logical id."""
        return {name: resource["Type"] for name, resource in self.template["Resources"].items()}


def translate(path: Path, parameters: Mapping[str, str]) -> Translated:
    """Raises CannotTranslate."""
    command = [str(_SAM_PYTHON), str(_TRANSLATE), json.dumps(dict(parameters)), json.dumps(CODE)]
    source = path.read_text(encoding="utf-8")
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotTranslate(done.stderr.strip().splitlines()[-1])
    return Translated(**json.loads(done.stdout))


def schema_mistakes(template: StackTemplate) -> Mapping[str, list[str]]:
    """Returns what is wrong by AWS's published schemas, by logical id. "" stands for the template itself."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.json"
        file.write_text(json.dumps(template), encoding="utf-8")
        command = [str(_CFN_LINT), "--regions", REGION, "--format", "json", "--template", str(file)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    mistakes: dict[str, list[str]] = {}
    for match in found:
        if match["Level"] == "Error":
            section, *rest = match["Location"]["Path"] or [""]
            name = str(rest[0]) if section == "Resources" and rest else ""
            mistakes.setdefault(name, []).append(f"{match['Rule']['Id']} {match['Message']}")
    return mistakes


@dataclass(frozen=True, slots=True)
class MotoCopy:
    """The part of a template that moto can make.

    Attributes:
        template: without conditions. References to what is left out are names that lead nowhere.
        left_out: the logical ids of resources whose type moto doesn't make.
        retained: the logical ids of resources that outlive their stack.
    """

    template: StackTemplate
    left_out: Collection[str]
    retained: Collection[str]


def copy_for_moto(template: StackTemplate, parameters: Mapping[str, str], made_by_moto: Collection[str]) -> MotoCopy:
    """Keeps what moto can make, if its condition is true for these parameters. `made_by_moto` holds resource types."""
    copy = deepcopy(template)
    holds = _conditions(copy, parameters)
    resources = _existing(copy["Resources"], holds)
    left_out = {name for name, resource in resources.items() if resource["Type"] not in made_by_moto}
    kept = {name: resource for name, resource in resources.items() if name not in left_out}
    for resource in kept.values():
        resource.pop("DependsOn", None)  # moto finds the order by the references
    instead = {name: _instead(name, resources[name]) for name in left_out}
    copy["Resources"] = {name: _without(instead, _decided(resource, holds)) for name, resource in kept.items()}
    outputs = _with_values(resources, _existing(copy.get("Outputs", {}), holds))
    copy["Outputs"] = _without(instead, _decided(outputs, holds))
    retained = {name for name, r in copy["Resources"].items() if r.get("DeletionPolicy", "").startswith("Retain")}
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            resource["Properties"]["Enabled"] = False  # moto would run the function, in an image that it downloads
    for name in retained:  # moto knows only `Retain`. The others differ from it only if the creation fails
        copy["Resources"][name]["DeletionPolicy"] = "Retain"
    return MotoCopy(copy, left_out, retained)


def _conditions(template: StackTemplate, parameters: Mapping[str, str]) -> Callable[[str], bool]:
    """Takes the conditions out of the template, and returns what tells whether one holds."""
    given = {name: parameters.get(name, p.get("Default")) for name, p in template.get("Parameters", {}).items()}
    given |= {"AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}
    conditions = template.pop("Conditions", {})
    resolver = Resolver(given, conditions, reference=str, attribute=lambda name, _: name)
    return lambda name: resolver.holds(name, "Conditions")


def _existing(parts: Mapping[str, Json], holds: Callable[[str], bool]) -> dict[str, Json]:
    """Returns the resources or outputs whose condition holds, or that have none."""
    there = {name: part for name, part in parts.items() if "Condition" not in part or holds(part["Condition"])}
    return {name: {key: v for key, v in part.items() if key != "Condition"} for name, part in there.items()}


def _decided(value: Json, holds: Callable[[str], bool]) -> Json:
    """Replaces each `Fn::If` by the branch that holds. Moto would leave holes where a branch is AWS::NoValue."""
    if isinstance(value, list):
        return [item for item in (_decided(member, holds) for member in value) if item is not _ABSENT]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return _ABSENT
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return _decided(then if holds(condition) else otherwise, holds)
    members = {key: _decided(member, holds) for key, member in value.items()}
    return {key: member for key, member in members.items() if member is not _ABSENT}


def _instead(name: str, resource: Json) -> Json:
    """Returns what stands for a resource that is left out: its function, or a name that leads nowhere."""
    return resource["Properties"]["FunctionName"] if resource["Type"] in _OF_A_FUNCTION else name


def _without(instead: Mapping[str, Json], value: Json) -> Json:
    """Replaces references to resources that are left out."""
    if isinstance(value, list):
        return [_without(instead, item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)(\.[\w.]+)?\}", lambda m: _in_text(instead, m), value)
    if not isinstance(value, dict):
        return value
    path = value.get("Fn::GetAtt", "")
    target = value.get("Ref") or (path.partition(".")[0] if isinstance(path, str) else path[0])
    if target in instead:
        return instead[target]
    return {key: _without(instead, member) for key, member in value.items()}


def _with_values(resources: Mapping[str, Json], value: Json) -> Json:
    """Replaces the value of a parameter in SSM by what makes it, because moto has no such attribute."""
    if isinstance(value, list):
        return [_with_values(resources, item) for item in value]
    if not isinstance(value, dict):
        return value
    path = value.get("Fn::GetAtt", "")
    name, attribute = path.partition(".")[::2] if isinstance(path, str) else path
    if attribute == "Value" and resources[name]["Type"] == "AWS::SSM::Parameter":
        return resources[name]["Properties"]["Value"]
    return {key: _with_values(resources, member) for key, member in value.items()}


def _in_text(instead: Mapping[str, Json], placeholder: re.Match[str]) -> str:
    """The same for a placeholder of `Fn::Sub`, where a reference is written `${Name}`."""
    if placeholder[1] not in instead:
        return placeholder[0]
    value = instead[placeholder[1]]
    return f"${{{value['Ref']}}}" if isinstance(value, dict) else str(value)
