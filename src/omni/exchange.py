"""One HTTP exchange: sends a prepared request within its deadline, and reads the whole answer or says why not."""

from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from omni.answers import RawAnswer, is_success
from omni.connections import TimedCall, TimedHttpPool, TimedHttpsPool, timed
from omni.errors import MalformedAnswer, OmniError, TransportError

_CHUNK_BYTES = 65_536


class _TimedAdapter(HTTPAdapter):
    """An adapter that never retries. Its connections keep the call's deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": TimedHttpPool, "https": TimedHttpsPool}

    def close(self) -> None:
        """Closes the connections now. urllib3 would wait for the garbage collector, which a traceback can hold up."""
        for key in self.poolmanager.pools.keys():  # noqa: SIM118  # a container of urllib3's that can't be iterated
            self.poolmanager.pools[key].close()
        super().close()


def prepared_session(session: requests.Session) -> requests.Session:
    """Returns the session, which from now on keeps deadlines and ignores the environment and cookies."""
    adapter = _TimedAdapter(max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return session


def exchange(
    session: requests.Session, request: requests.PreparedRequest, call: TimedCall, max_bytes: int
) -> RawAnswer | OmniError:
    """Sends the request once.

    An error is returned, not raised, so that the caller can raise it while no exception of requests is in flight. Such
    an exception holds the request with its headers.
    """
    try:
        timeout = (call.limit(call.connect_timeout), call.read_timeout)
        with (
            timed(call),
            session.send(
                request, stream=True, allow_redirects=False, verify=session.verify, cert=session.cert, timeout=timeout
            ) as response,
        ):
            return _read(response, max_bytes)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        return TransportError(_kind(error, call), may_have_arrived=call.began)


def _read(response: requests.Response, max_bytes: int) -> RawAnswer | MalformedAnswer:
    """Reads the whole answer. If it isn't a success, a partial body will do, because the status is enough."""
    status, content, fault = response.status_code, bytearray(), ""
    try:
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > max_bytes:
                response.close()
                fault = f"larger than {max_bytes} bytes"
                break
    except urllib3.exceptions.DecodeError:
        fault = "its Content-Encoding is broken"
    except (urllib3.exceptions.HTTPError, OSError):
        if is_success(status):
            raise
    if fault and is_success(status):
        return MalformedAnswer(status, fault)
    return RawAnswer(status, response.headers, bytes(content))


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
