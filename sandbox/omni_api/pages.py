"""The web pages: the messages, newest first, and the phone numbers that force an outcome."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.omni_api.models import Message
from sandbox.omni_api.numbers import NUMBERS
from sandbox.omni_api.state import State

SHOWN: Final = 200
_TEMPLATES: Final = Path(__file__).parent / "templates"
_STYLE: Final = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

# Messages may hold hostile content, so nothing but our own style sheet may load or run.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_environment: Final = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page_routes(state: State) -> Iterator[Route]:
    async def inbox(request: Request) -> Response:
        shown = [_card(state, message) for message in _newest(state)]
        held = len(state.store)
        return _page("inbox.html", cards=shown, held=held, base=f"http://{request.url.netloc}")

    async def numbers(_: Request) -> Response:
        return _page("numbers.html", numbers=NUMBERS.values())

    yield Route("/", inbox)
    yield Route("/numbers", numbers)


def _newest(state: State) -> Iterator[Message]:
    for index, message in enumerate(state.store.newest_first()):
        if index == SHOWN:
            return
        yield message


def _card(state: State, message: Message) -> dict[str, Any]:
    view = message.view(state.store.trail(message.message_id))
    return {**view, "scenarioName": state.scenarios.name_of(message.scenario_key)}


def _page(template: str, **content: Any) -> HTMLResponse:
    html = _environment.get_template(template).render(style=_STYLE, **content)
    return HTMLResponse(html.encode(errors="replace"), headers=HEADERS)
