"""The client: a method for each operation of the OMNI API, a deadline for each call, and no retries."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import requests

from omni.answers import is_success, read_error, read_model
from omni.authorization import checked_authorization
from omni.connections import TimedCall
from omni.errors import OmniError
from omni.exchange import exchange, prepared_session
from omni.models import (
    AdvancedRequest,
    LogsResponse,
    OmniResponse,
    ReportsResponse,
    Scenario,
    ScenariosResponse,
    TextRequest,
)
from omni.outgoing import checked_base_url, checked_key, encoded, params_of
from omni.wire import Model, WireFormat, WireModel

MEDIA_TYPES: Mapping[WireFormat, str] = {"json": "application/json", "xml": "application/xml"}
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # a thousand reports are well under one megabyte

_LEAST_SECRET_CHARS = 8  # masking a shorter secret would mangle ordinary words


class OmniClient:
    """Calls the OMNI API. Threads may share a client.

    All times are seconds. `connect_timeout` limits connecting to one of the host's addresses, `read_timeout` limits the
    silence between two bytes, and `deadline` limits the whole call. Each method takes a `deadline` of its own, and
    `fmt="xml"` to speak XML instead of JSON.

    The client ignores environment variables, `.netrc`, proxies and cookies, and follows no redirects. It takes over a
    `session` that it is given: it keeps the session's certificates and verification, and replaces its adapters.

    Each method raises an `OmniError`. There is one type for each kind of failure, which says whether a retry can help.
    If the server has closed the connection before anything was sent, the client opens a new one. If the connection
    breaks later, the call fails, so that no request is ever sent twice.

    Raises:
        InvalidAuthorization: `authorization` has none of the four forms (see `omni.authorization`).
        ValueError: `base_url` is not an http(s) URL, or holds credentials, a query or a fragment.
    """

    def __init__(
        self,
        base_url: str,
        authorization: str,
        *,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        deadline: float = 15.0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        session: requests.Session | None = None,
    ) -> None:
        self._base_url = checked_base_url(base_url)
        self._authorization = checked_authorization(authorization)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._deadline = deadline
        self._max_answer_bytes = max_answer_bytes
        self._session = prepared_session(session or requests.Session())

    def __repr__(self) -> str:
        return f"OmniClient({self._base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. A later call opens new ones."""
        self._session.close()

    def send_text(
        self, request: TextRequest, *, fmt: WireFormat = "json", deadline: float | None = None
    ) -> OmniResponse:
        """Sends one text to all destinations, over the channels of the request's scenario."""
        return self._call(OmniResponse, "POST", "text", body=request, fmt=fmt, deadline=deadline)

    def send_advanced(
        self, request: AdvancedRequest, *, fmt: WireFormat = "json", deadline: float | None = None
    ) -> OmniResponse:
        """Sends content for each channel. It can be scheduled, and OMNI can push reports of it to a URL."""
        return self._call(OmniResponse, "POST", "advanced", body=request, fmt=fmt, deadline=deadline)

    def list_scenarios(
        self,
        *,
        is_default: bool | None = None,
        limit: int | None = None,
        page: int | None = None,
        fmt: WireFormat = "json",
        deadline: float | None = None,
    ) -> ScenariosResponse:
        """Returns one page of the account's scenarios: by default page 0, with up to 100 scenarios."""
        params = params_of(is_default=is_default, limit=limit, page=page)
        return self._call(ScenariosResponse, "GET", "scenarios", params=params, fmt=fmt, deadline=deadline)

    def get_scenario(self, key: str, *, fmt: WireFormat = "json", deadline: float | None = None) -> Scenario:
        return self._call(Scenario, "GET", f"scenarios/{checked_key(key)}", fmt=fmt, deadline=deadline)

    def create_scenario(
        self, scenario: Scenario, *, fmt: WireFormat = "json", deadline: float | None = None
    ) -> Scenario:
        return self._call(Scenario, "POST", "scenarios", body=scenario, fmt=fmt, deadline=deadline)

    def update_scenario(
        self, key: str, scenario: Scenario, *, fmt: WireFormat = "json", deadline: float | None = None
    ) -> Scenario:
        return self._call(Scenario, "PUT", f"scenarios/{checked_key(key)}", body=scenario, fmt=fmt, deadline=deadline)

    def reports(
        self,
        *,
        bulk_id: str | None = None,
        message_id: str | None = None,
        channel: str | None = None,
        limit: int | None = None,
        fmt: WireFormat = "json",
        deadline: float | None = None,
    ) -> ReportsResponse:
        """Takes delivery reports: by default up to 50, at most 1000.

        OMNI gives each report once, so an answer that is lost loses its reports.
        """
        params = params_of(bulk_id=bulk_id, message_id=message_id, channel=channel, limit=limit)
        return self._call(ReportsResponse, "GET", "reports", params=params, fmt=fmt, deadline=deadline)

    def logs(
        self,
        *,
        from_: str | None = None,
        to: str | None = None,
        bulk_id: Sequence[str] = (),
        message_id: Sequence[str] = (),
        general_status: str | None = None,
        channel: str | None = None,
        sent_since: datetime | None = None,
        sent_until: datetime | None = None,
        limit: int | None = None,
        fmt: WireFormat = "json",
        deadline: float | None = None,
    ) -> LogsResponse:
        """Returns what was sent in the last 48 hours. Unlike reports, logs can be read again."""
        params = params_of(from_=from_, to=to, bulk_id=bulk_id, message_id=message_id, general_status=general_status)
        params |= params_of(channel=channel, sent_since=sent_since, sent_until=sent_until, limit=limit)
        return self._call(LogsResponse, "GET", "logs", params=params, fmt=fmt, deadline=deadline)

    def _call(
        self,
        model: type[Model],
        method: str,
        path: str,
        *,
        fmt: WireFormat,
        deadline: float | None,
        params: Mapping[str, Any] | None = None,
        body: WireModel | None = None,
    ) -> Model:
        request = self._prepare(method, path, fmt, params, body)
        ends_at = time.monotonic() + (self._deadline if deadline is None else deadline)
        call = TimedCall(ends_at, self._connect_timeout, self._read_timeout)
        answer = exchange(self._session, request, call, self._max_answer_bytes)
        if isinstance(answer, OmniError):
            raise answer
        if is_success(answer.status):
            return read_model(model, answer, asked=fmt)
        raise read_error(answer, asked=fmt, now=datetime.now(UTC), clean=self._without_secrets)

    def _prepare(
        self, method: str, path: str, fmt: WireFormat, params: Mapping[str, Any] | None, body: WireModel | None
    ) -> requests.PreparedRequest:
        headers = {
            "Authorization": self._authorization,
            "Accept": MEDIA_TYPES[fmt],
            "Accept-Encoding": "identity",
            "User-Agent": "omni-client",
        }
        if body is not None:
            headers["Content-Type"] = f"{MEDIA_TYPES[fmt]}; charset=utf-8"
        content = None if body is None else encoded(body, fmt)
        url = f"{self._base_url}/omni/1/{path}"
        return self._session.prepare_request(
            requests.Request(method, url, headers=headers, params=params, data=content)
        )

    def _without_secrets(self, text: str) -> str:
        """Masks the credentials, because a server may quote the header that it refused."""
        _, _, token = self._authorization.partition(" ")
        return text.replace(token.strip(), "***") if len(token.strip()) >= _LEAST_SECRET_CHARS else text
