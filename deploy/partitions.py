"""Translates template.yaml as CloudFormation's transform does, for each partition of AWS, and lints what comes out.

cfn-lint alone reads the template as it is written, and sees no alias, deployment or permission that SAM makes of it.
SAM CLI's environment runs this file: `.venv-sam/bin/python deploy/partitions.py`.
"""

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
REGIONS = {"aws": "eu-central-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def translated(region: str) -> dict[str, Any]:
    """Returns the template that CloudFormation would deploy in a region."""
    template = yaml_parse(TEMPLATE.read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # `sam deploy` puts the package's address here
    session = boto3.Session(region_name=region)
    made: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(template, parameter_values={})
    return made


def lint(folder: Path) -> int:
    """Lints all partitions at once, and returns how many have a finding."""
    linter = Path(sys.executable).parent / "cfn-lint"
    running = []
    for partition, region in REGIONS.items():
        path = folder / f"{partition}.json"
        path.write_text(json.dumps(translated(region), indent=2))
        running.append(subprocess.Popen([str(linter), "--regions", region, "--template", str(path)]))
    return sum(process.wait() != 0 for process in running)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # the translator warns of a switch that only AWS has
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(lint(Path(temporary)))
