"""Errors that refuse a whole request, in the API's own shape."""

from collections.abc import Mapping
from typing import Any, Final

MESSAGE_IDS: Final[Mapping[int, str]] = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}


class ApiError(Exception):
    """The whole request is refused: HTTP status, text for a person, further headers."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


def error_payload(status: int, text: str) -> dict[str, Any]:
    """The error's body. It has no other key, because the official client fails on unknown ones."""
    message_id = MESSAGE_IDS.get(status, "GENERAL_ERROR")
    return {"requestError": {"serviceException": {"messageId": message_id, "text": text}}}


def bad_request(text: str) -> ApiError:
    return ApiError(400, text)
