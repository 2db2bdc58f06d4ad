"""Floor B: the standard library and no duties. It shows what Python and Lambda's runtime client cost by themselves."""

import json
from typing import Any


def webhook(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Reads the body as JSON, and answers."""
    json.loads(event["body"])
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps({"outcome": "sent"})}
