"""A client library for Infobip's OMNI API: one message over several channels, with failover between them.

    from omni import Destination, OmniClient, TextRequest, To, app_authorization

    request = TextRequest(destinations=(Destination(to=To(phone_number="41793026727")),), text="Hello")
    with OmniClient("https://api.infobip.com", app_authorization("my-api-key")) as client:
        for message in client.send_text(request).messages:
            print(message.message_id, message.status.name)

A name is imported when it is first used, so `import omni` alone loads neither requests nor Pydantic.

The packages beside this one import from the modules instead, as in `from omni.models import TextRequest`. Their import
linter can then tell the models, which the domain may use, from the client, which it may not.
"""

from typing import TYPE_CHECKING

__all__ = [
    "AdvancedRequest",
    "AnswerError",
    "BadRequest",
    "ChannelContent",
    "Conflict",
    "Destination",
    "Email",
    "ErrorBody",
    "Forbidden",
    "InvalidAuthorization",
    "InvalidRequest",
    "KakaoAlim",
    "KakaoChingu",
    "Line",
    "Log",
    "LogsResponse",
    "MalformedAnswer",
    "MalformedXml",
    "MessageResult",
    "NotFound",
    "OmniClient",
    "OmniError",
    "OmniResponse",
    "Policy",
    "Price",
    "PublishedCode",
    "Push",
    "Report",
    "ReportError",
    "ReportsResponse",
    "Scenario",
    "ScenariosResponse",
    "ServerError",
    "Sms",
    "Status",
    "Step",
    "TextRequest",
    "Throttled",
    "To",
    "TransportError",
    "Unauthorized",
    "UnexpectedStatus",
    "VKontakte",
    "Viber",
    "Voice",
    "WhatsApp",
    "WireFormat",
    "app_authorization",
    "basic_authorization",
    "bearer_authorization",
    "checked_authorization",
    "checked_base_url",
    "classify",
    "from_xml",
    "group_of",
    "ibsso_authorization",
    "known_errors",
    "known_statuses",
    "to_xml",
]

if TYPE_CHECKING:
    from omni.authorization import (
        InvalidAuthorization,
        app_authorization,
        basic_authorization,
        bearer_authorization,
        checked_authorization,
        ibsso_authorization,
    )
    from omni.client import OmniClient
    from omni.contents import (
        ChannelContent,
        Email,
        KakaoAlim,
        KakaoChingu,
        Line,
        Push,
        Sms,
        Viber,
        VKontakte,
        Voice,
        WhatsApp,
    )
    from omni.errors import (
        AnswerError,
        BadRequest,
        Conflict,
        ErrorBody,
        Forbidden,
        InvalidRequest,
        MalformedAnswer,
        NotFound,
        OmniError,
        ServerError,
        Throttled,
        TransportError,
        Unauthorized,
        UnexpectedStatus,
    )
    from omni.models import (
        AdvancedRequest,
        Destination,
        Log,
        LogsResponse,
        MessageResult,
        OmniResponse,
        Price,
        Report,
        ReportError,
        ReportsResponse,
        Scenario,
        ScenariosResponse,
        Status,
        Step,
        TextRequest,
        To,
    )
    from omni.outgoing import checked_base_url
    from omni.statuses import Policy, PublishedCode, classify, group_of, known_errors, known_statuses
    from omni.wire import WireFormat
    from omni.xml import MalformedXml, from_xml, to_xml
else:  # mypy doesn't see this, so it still reports names that don't exist
    from importlib import import_module

    # The cheapest module comes first, and the one that imports requests last.
    _MODULES = ("errors", "authorization", "wire", "contents", "models", "statuses", "outgoing", "xml", "client")

    def __getattr__(name: str) -> object:
        """Find a public name in the modules and keep it here (PEP 562)."""
        if name in __all__:
            for module in _MODULES:
                found = vars(import_module(f"omni.{module}"))
                if name in found:
                    return globals().setdefault(name, found[name])
        raise AttributeError(f"module 'omni' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
