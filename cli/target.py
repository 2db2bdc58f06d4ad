"""The relay that a verb works on: the local stack that runs now, or a CloudFormation stack."""

from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import click

from cli.frame import Mistake

if TYPE_CHECKING:
    import boto3

DEFAULT_STACK = "omni-relay"
ATTEMPTS = 10


class Target:
    """`run` is the content of the local stack's run.json, or None for `stack` in AWS.

    Its constructor calls nothing.
    """

    def __init__(self, stack: str, profile: str | None, region: str | None, run: Mapping[str, Any] | None) -> None:
        self.stack = stack
        self.run = run
        self._profile = profile
        self._region = region

    @property
    def is_local(self) -> bool:
        return self.run is not None

    @property
    def name(self) -> str:
        """How messages name it: `local`, or the stack's name."""
        return "local" if self.is_local else self.stack

    @property
    def prefix(self) -> str:
        """Gives the beginning of the names of its parameters, such as `/omni-relay/dev`."""
        return self.output("ParameterPrefix")

    def output(self, key: str) -> str:
        """Gives one of the stack's outputs, such as `QueueUrl`. Raises Mistake if it has no such output."""
        if key not in self.outputs:
            hint = "name the relay's own stack by --stack, or update it: it may be older than this command"
            raise Mistake(f"stack {self.name} has no output {key}; {hint}")
        return self.outputs[key]

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        if self.run is not None:
            found: Mapping[str, str] = self.run["outputs"]
            return found
        return {output["OutputKey"]: output["OutputValue"] for output in self._described.get("Outputs", [])}

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The values of the stack's parameters. None of the local stack's is known."""
        if self.run is not None:
            return {}
        return {one["ParameterKey"]: one["ParameterValue"] for one in self._described.get("Parameters", [])}

    @cached_property
    def _described(self) -> Any:
        return self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        """Gives a boto3 client of the target's account. It retries patiently, because SSM takes few writes a second.

        `endpoint_url` takes the place of the local stack's AWS.
        """
        from botocore.config import Config

        patient = Config(retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS})
        endpoint = {"endpoint_url": endpoint_url or self.run["urls"]["aws"]} if self.run is not None else {}
        return self._session.client(service, config=patient, **endpoint)  # type: ignore[call-overload]  # boto3-stubs wants literals

    @cached_property
    def _session(self) -> "boto3.Session":
        import boto3

        if self.run is None:
            return boto3.Session(profile_name=self._profile, region_name=self._region)
        return boto3.Session("local", "local-secret", region_name=self.run["region"])


def targets(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the verb the options `--local`, `--stack`, `--profile` and `--region`, and its argument `target`."""

    @click.option("--local", is_flag=True, help="The stack that `make run` runs on this machine.")
    @click.option(
        "--stack",
        envvar="OMNI_RELAY_STACK",
        default=DEFAULT_STACK,
        show_default=True,
        show_envvar=True,
        help="The CloudFormation stack.",
    )
    @click.option("--profile", help="The profile of your AWS credentials.")
    @click.option("--region", help="The region of AWS.")
    @wraps(function)
    def command(*, local: bool, stack: str, profile: str | None, region: str | None, **others: Any) -> Any:
        target = Target(stack, profile, region, _local_run() if local else None)
        return function(target=target, **others)

    return command


def _local_run() -> Mapping[str, Any]:
    """Raises Mistake if no local stack runs."""
    from configuration.run_file import RUN_FILE, Unreadable, running

    try:
        run = running()
    except Unreadable as problem:
        raise Mistake(str(problem)) from None
    if run is None:
        raise Mistake(f"no local stack runs: no {RUN_FILE} here or above is of a running one; start it: make run")
    return run
