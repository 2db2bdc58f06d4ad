"""`python -m sandbox.rehearsal`: prints the report. The exit code is 1 where a step failed."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import ClientError

from configuration.files import read_yaml
from sandbox.rehearsal.deployed_functions import FunctionFailed
from sandbox.rehearsal.rehearsal import Failed, Rehearsal
from sandbox.rehearsal.templates import CannotTranslate
from sandbox.stack.settings import PROJECT, Ports, StackSettings
from sandbox.stack.stack import Stack


def main() -> int:
    """Starts moto's server and the OMNI API, and rehearses template.yaml with them."""
    with TemporaryDirectory() as folder:
        nothing = Path(folder) / "template.json"
        nothing.write_text('{"Resources": {}}')
        config = read_yaml(PROJECT / "relay.yaml")
        settings = StackSettings(template=nothing, config=config, ports=Ports.free(), logs=Path(folder) / "logs")
        with Stack(settings) as surroundings:
            template = Path(sys.argv[1]) if sys.argv[1:] else PROJECT / "template.yaml"
            rehearsal = Rehearsal(surroundings, template, Path(folder) / "functions", print)
            try:
                asyncio.run(rehearsal.run())
            except (Failed, CannotTranslate, FunctionFailed, ClientError) as problem:
                print(f"FAILED       {problem}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
