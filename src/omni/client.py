"""The client: one keep-alive session, a deadline for each call, a typed error for each failure, no retries."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from omni.answers import read_error, read_model
from omni.authorization import checked_authorization
from omni.connections import TimedCall, TimedHttpPool, TimedHttpsPool, timed
from omni.errors import MalformedAnswer, OmniError, TransportError
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
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # a thousand reports are well under one

_PIECE = 65_536
_LEAST_SECRET_CHARS = 8  # a shorter one would mangle ordinary words


class OmniClient:
    """Calls the OMNI API; may be shared between threads.

    Times are seconds. `connect_timeout` limits reaching one of the host's addresses, `read_timeout` the silence between
    two bytes, and `deadline` a call as a whole. Environment variables, `.netrc`, proxies, redirects and cookies play no
    part. A `session` that is given is taken over: its certificates and verification stay, its adapters don't.

    Every method raises an `omni.errors.OmniError`: a type for each way to fail, which says whether a retry can help.
    A connection that the server closed before we sent anything is replaced; one that breaks later is an error, so
    that a request never leaves twice.

    Raises:
        InvalidAuthorization: `authorization` is none of the four forms (see `omni.authorization`).
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
        user_agent: str = "omni-client",
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._base_url = checked_base_url(base_url)
        self._authorization = checked_authorization(authorization)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._deadline = deadline
        self._max_answer_bytes = max_answer_bytes
        self._user_agent = user_agent
        self._clock = clock
        self._now = now
        self._session = _prepared(session or requests.Session())

    def __repr__(self) -> str:
        return f"OmniClient({self._base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def send_text(
        self, request: TextRequest, *, fmt: WireFormat = "json", deadline: float | None = None
    ) -> OmniResponse:
        """Send one text to some destinations, by a scenario."""
        return self._call(OmniResponse, "POST", "text", body=request, fmt=fmt, deadline=deadline)

    def send_advanced(
        self, request: AdvancedRequest, *, fmt: WireFormat = "json", deadline: float | None = None
    ) -> OmniResponse:
        """Send each channel a content of its own, with scheduling and pushed reports."""
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
        """One page of the account's scenarios (by default the first, of 100); pages count from 0."""
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
        """Take delivery reports (by default 50, at most 1000). Each is given once: a lost answer loses its reports."""
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
        """Read what was sent in the last 48 hours; unlike reports, as often as wanted."""
        params = params_of(
            from_=from_,
            to=to,
            bulk_id=bulk_id,
            message_id=message_id,
            general_status=general_status,
            channel=channel,
            sent_since=sent_since,
            sent_until=sent_until,
            limit=limit,
        )
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
        request = self._prepare(method, path, fmt, params=params, body=body)
        seconds = self._deadline if deadline is None else deadline
        call = TimedCall(self._clock() + seconds, self._connect_timeout, self._read_timeout, self._clock)
        answer = self._exchange(call, request)
        if isinstance(answer, OmniError):
            raise answer  # here, where no exception of requests is in flight: those hold the request, headers and all
        if _is_success(answer.status):
            return read_model(model, answer.status, answer.headers.get("Content-Type"), answer.content, asked=fmt)
        raise read_error(
            answer.status, answer.headers, answer.content, asked=fmt, now=self._now(), clean=self._without_secrets
        )

    def _prepare(
        self, method: str, path: str, fmt: WireFormat, *, params: Mapping[str, Any] | None, body: WireModel | None
    ) -> requests.PreparedRequest:
        headers = {
            "Authorization": self._authorization,
            "Accept": MEDIA_TYPES[fmt],
            "Accept-Encoding": "identity",
            "User-Agent": self._user_agent,
        }
        if body is not None:
            headers["Content-Type"] = f"{MEDIA_TYPES[fmt]}; charset=utf-8"
        content = None if body is None else encoded(body, fmt)
        url = f"{self._base_url}/omni/1/{path}"
        return self._session.prepare_request(
            requests.Request(method, url, headers=headers, params=params, data=content)
        )

    def _exchange(self, call: TimedCall, request: requests.PreparedRequest) -> "_Answer | OmniError":
        try:
            with (
                timed(call),
                self._session.send(
                    request,
                    stream=True,
                    allow_redirects=False,
                    verify=self._session.verify,
                    cert=self._session.cert,
                    timeout=(call.limit(call.connect_timeout), call.read_timeout),
                ) as response,
            ):
                return self._read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return TransportError(_kind(error, call), may_have_arrived=call.began)

    def _read(self, response: requests.Response) -> "_Answer | OmniError":
        """The whole answer; of an error, what can be had of its body: its status says enough."""
        success = _is_success(response.status_code)
        pieces: list[bytes] = []
        try:
            for piece in response.raw.stream(_PIECE, decode_content=True):
                pieces.append(piece)
                if sum(map(len, pieces)) > self._max_answer_bytes:
                    response.close()
                    if success:
                        return MalformedAnswer(response.status_code, f"larger than {self._max_answer_bytes} bytes")
                    break
        except urllib3.exceptions.DecodeError:
            if success:
                return MalformedAnswer(response.status_code, "its Content-Encoding is broken")
        except (urllib3.exceptions.HTTPError, OSError):
            if success:
                raise
        return _Answer(response.status_code, response.headers, b"".join(pieces))

    def _without_secrets(self, text: str) -> str:
        """A server may quote the header that it refused."""
        _, _, token = self._authorization.partition(" ")
        return text.replace(token.strip(), "***") if len(token.strip()) >= _LEAST_SECRET_CHARS else text


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


class _TimedAdapter(HTTPAdapter):
    """Never retries; its connections keep the call's deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": TimedHttpPool, "https": TimedHttpsPool}

    def close(self) -> None:
        """urllib3 leaves this to the garbage collector, which a failed call's traceback can hold up."""
        for key in self.poolmanager.pools.keys():  # noqa: SIM118  # a container of urllib3's that can't be iterated
            self.poolmanager.pools[key].close()
        super().close()


def _prepared(session: requests.Session) -> requests.Session:
    adapter = _TimedAdapter(max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004  # HTTP's own class of success


def _kind(error: Exception, call: TimedCall) -> str:
    if call.expired():
        return "deadline"
    if isinstance(error, requests.exceptions.SSLError):
        return "tls"
    if not call.began:
        return "connect"
    timeouts = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    return "timeout" if any(isinstance(cause, timeouts) for cause in _causes(error)) else "connection closed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__
