"""The account and the region that a verb works in, checked before anything else is done."""

from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deploy.problems import CannotDeployError


@dataclass(frozen=True, slots=True)
class Account:
    session: boto3.Session
    region: str
    id: str


def account() -> Account:
    """Returns the account of the credentials that are in force. Raises CannotDeployError if one is missing or wrong."""
    try:
        session = boto3.Session()
        region = session.region_name
        if not region:
            raise CannotDeployError("No region is set. Set one: AWS_DEFAULT_REGION=eu-central-1 make …")
        if not session.get_credentials():
            raise CannotDeployError(
                "No AWS credentials were found. Sign in (aws sso login) and name the profile: AWS_PROFILE=… make …"
            )
        return Account(session, region, session.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as problem:
        raise CannotDeployError(f"AWS doesn't accept the credentials: {problem}") from problem
