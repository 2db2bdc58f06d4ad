"""The control calls under /sandbox: messages, faults, the clock, the account, and trails."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.omni_api.bodies import ReportContentType, ReportUrl, checked
from sandbox.omni_api.clock import MAX_TIME_SCALE
from sandbox.omni_api.errors import ApiError
from sandbox.omni_api.faults import FAULT_KINDS, ControlBody, order_model
from sandbox.omni_api.models import account_notify
from sandbox.omni_api.query import among, whole
from sandbox.omni_api.settings import SettingsError, scenarios_in
from sandbox.omni_api.state import State
from sandbox.omni_api.wire import parse_json

Control = Callable[[State, Request, bytes], Response]
_MANY: Final = 10**6


class ClockOrder(ControlBody):
    time_scale: Annotated[float, Field(gt=0, le=MAX_TIME_SCALE)]


class TrailOrder(ControlBody):
    """How some messages came to the sandbox. The ids name the messages; any other fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    message_ids: Annotated[list[str], Field(min_length=1)]


class AccountOrder(ControlBody):
    """Where the account's reports are pushed, and in which format. None keeps them until they are fetched."""

    report_url: ReportUrl | None
    report_content_type: ReportContentType = "application/json"


def list_messages(state: State, request: Request, _: bytes) -> Response:
    """The accepted messages, oldest first. `limit` keeps the newest of them."""
    limit = whole(request.query_params, "limit", default=_MANY, least=1, most=_MANY)
    query = request.query_params
    asked = state.store.newest_first(ids=among(query, "messageId"), bulks=among(query, "bulkId"))
    chosen = reversed(list(islice(asked, limit)))
    return JSONResponse({"messages": [message.view(state.store.trail(message.message_id)) for message in chosen]})


def one_message(state: State, request: Request, _: bytes) -> Response:
    """One message, with the body of its request."""
    message_id = request.path_params["message_id"]
    found = next(state.store.newest_first(ids=(message_id,)), None)
    if found is None:
        raise ApiError(404, "There is no such message")
    return JSONResponse(found.full_view(state.store.trail(message_id)))


def empty(state: State, request: Request, _: bytes) -> Response:
    """Deletes the messages. Their ids stay used, as at OMNI, unless `?forget=ids` is given."""
    state.timers.clear()
    state.reports.empty()
    state.store.empty(forget_ids=request.query_params.get("forget") == "ids")
    return Response(status_code=204)


def show_faults(state: State, _: Request, __: bytes) -> Response:
    return JSONResponse(state.faults.view())


def order_fault(state: State, _: Request, body: bytes) -> Response:
    content = parse_json(body)
    if isinstance(content, dict) and content.get("kind", FAULT_KINDS[0]) not in FAULT_KINDS:
        raise ApiError(400, f"kind: expected {', '.join(map(repr, FAULT_KINDS[:-1]))} or {FAULT_KINDS[-1]!r}")
    state.faults.add(checked(order_model(content), content))
    return JSONResponse(state.faults.view(), 201)


def stop_faults(state: State, _: Request, __: bytes) -> Response:
    state.faults.clear()
    return Response(status_code=204)


def show_clock(state: State, _: Request, __: bytes) -> Response:
    return JSONResponse({"timeScale": state.clock.scale})


def set_clock(state: State, _: Request, body: bytes) -> Response:
    state.clock.rescale(checked(ClockOrder, parse_json(body)).time_scale)
    state.timers.rescaled()
    return JSONResponse({"timeScale": state.clock.scale})


def set_account(state: State, _: Request, body: bytes) -> Response:
    """Changes where reports go. It counts for messages that are accepted from now on."""
    order = checked(AccountOrder, parse_json(body))
    state.sends.account_notify = account_notify(order.report_url, order.report_content_type)
    return Response(status_code=204)


def add_scenarios(state: State, _: Request, body: bytes) -> Response:
    """Takes `{"scenarios": …}` as relay.yaml has them, because that file may change while the sandbox runs."""
    content = parse_json(body)
    try:
        keys, flows = scenarios_in(content.get("scenarios") if isinstance(content, dict) else content)
    except SettingsError as mistake:
        raise ApiError(400, str(mistake)) from None
    state.scenarios.add(keys, flows)
    return Response(status_code=204)


def add_trail(state: State, _: Request, body: bytes) -> Response:
    order = checked(TrailOrder, parse_json(body))
    parts: Mapping[str, Any] = order.model_extra or {}
    for message_id in order.message_ids:
        state.store.add_trail(message_id, parts)
    return Response(status_code=204)


def health(state: State, _: Request, __: bytes) -> Response:
    if state.ready():
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "starting"}, 503, {"Retry-After": "1"})


ROUTES: Final[tuple[tuple[str, str, Control], ...]] = (
    ("GET", "/sandbox/messages", list_messages),
    ("DELETE", "/sandbox/messages", empty),
    ("GET", "/sandbox/messages/{message_id:path}", one_message),
    ("GET", "/sandbox/faults", show_faults),
    ("POST", "/sandbox/faults", order_fault),
    ("DELETE", "/sandbox/faults", stop_faults),
    ("GET", "/sandbox/clock", show_clock),
    ("POST", "/sandbox/clock", set_clock),
    ("POST", "/sandbox/account", set_account),
    ("POST", "/sandbox/scenarios", add_scenarios),
    ("POST", "/sandbox/trail", add_trail),
    ("GET", "/sandbox/health", health),
)
