"""Prints what SAM's own translator makes of template.yaml: `.venv-sam/bin/python translate.py PARAMETERS CODE`.

It runs in SAM CLI's own environment, which this project doesn't share. Both arguments are JSON: the parameters, and the
bucket and key of the code, which counts as uploaded already.
"""

import json
import sys
from importlib.metadata import version

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def main() -> None:
    """Prints `{"translator": its version, "template": the CloudFormation template}`."""
    parameters, code = map(json.loads, sys.argv[1:])
    template = yaml_parse(sys.stdin.read())
    template["Globals"]["Function"]["CodeUri"] = code
    session = boto3.Session(region_name="us-east-1")
    translated = Translator({}, Parser(), boto_session=session).translate(template, parameters)
    json.dump({"translator": version("aws-sam-translator"), "template": translated}, sys.stdout)


if __name__ == "__main__":
    main()
