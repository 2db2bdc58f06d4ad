"""The fields that a source may set under `verify:`. Each preset takes those of its model and no others."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from relay import limits
from relay.verification.credentials import AuthScheme
from relay.verification.hmac_scheme import Algorithm, Encoding

_PLACEHOLDERS = ("{timestamp}", "{id}", "{body}")


def _known_placeholders(template: str) -> str:
    unknown = [found for found in re.findall(r"\{[^{}]*\}", template) if found not in _PLACEHOLDERS]
    if unknown:
        raise ValueError(f"unknown placeholder {unknown[0]}; expected {', '.join(_PLACEHOLDERS)}")
    if "{body}" not in template:
        raise ValueError("expected {body} in it: what isn't signed can be forged")
    return template


def _without_query(url: str) -> str:
    if "?" in url or "#" in url:
        raise ValueError("expected an address without a query: each request brings its own")
    return url


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$", to_lower=True)]
Tolerance = Annotated[int, Field(ge=1, le=86_400, strict=True)]
SignedTemplate = Annotated[str, StringConstraints(max_length=200), AfterValidator(_known_placeholders)]
TopicArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$")]
PublicUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?$", max_length=2048),
    AfterValidator(_without_query),
]


class VerifySettings(BaseModel):
    """The base of all models, and the model of presets without settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str

    def overrides(self) -> dict[str, Any]:
        """Returns the fields of the preset's scheme that these settings replace."""
        return self.model_dump(exclude={"preset"}, exclude_unset=True, exclude_none=True)


class WindowSettings(VerifySettings):
    """`tolerance`: how old a signature may be, in seconds."""

    tolerance: Tolerance = 300


class TokenSettings(VerifySettings):
    """`header` holds the token, after `prefix`."""

    header: HeaderName = "x-api-key"
    prefix: Annotated[str, StringConstraints(max_length=64)] = ""


class AlertmanagerSettings(VerifySettings):
    """`auth` is only needed for a bearer token with a colon, which looks like user and password."""

    auth: AuthScheme | None = None


class GrafanaSettings(VerifySettings):
    """The header names as set at the contact point. Grafana sends a timestamp only if its header is named there."""

    header: HeaderName = "x-grafana-alerting-signature"
    timestamp_header: HeaderName | None = None
    tolerance: Tolerance = 300

    @model_validator(mode="after")
    def _apart(self) -> Self:
        _refuse_same(self.timestamp_header, header=self.header)
        return self

    def overrides(self) -> dict[str, Any]:
        stamped = {"signed": "{timestamp}:{body}"} if self.timestamp_header else {}
        return super().overrides() | stamped


class TwilioSettings(VerifySettings):
    """`public_url`: the address as entered at Twilio, path included."""

    public_url: PublicUrl


class SnsSettings(VerifySettings):
    """`topic_arns`: the topics to accept.

    SNS has no shared secret. Without this list, any AWS account's topic would be accepted.
    """

    topic_arns: Annotated[tuple[TopicArn, ...], Field(min_length=1)]


class HmacSettings(VerifySettings):
    """Any sender that signs with a shared secret. HmacScheme explains the fields."""

    header: HeaderName
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: Annotated[str, StringConstraints(max_length=64)] = ""
    separator: Annotated[str, StringConstraints(min_length=1, max_length=8, strip_whitespace=False)] | None = None
    signed: SignedTemplate = "{body}"
    timestamp_header: HeaderName | None = None
    id_header: HeaderName | None = None
    tolerance: Tolerance = 300
    base64_key: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        stamped = "{timestamp}" in self.signed
        if stamped and not self.timestamp_header:
            raise ValueError("signed uses {timestamp}: expected timestamp_header")
        if self.timestamp_header and not stamped:
            raise ValueError("timestamp_header is set: expected {timestamp} in signed, else anybody can renew it")
        if self.id_header and "{id}" not in self.signed and stamped and 2 * self.tolerance > limits.REPEAT_SECONDS:
            raise ValueError(
                f"id_header is not in signed: expected a tolerance of at most {limits.REPEAT_SECONDS // 2} s, else "
                "anybody who captured a request can repeat it under another id"
            )
        if "{id}" in self.signed and not self.id_header:
            raise ValueError("signed uses {id}: expected id_header")
        _refuse_same(self.timestamp_header, header=self.header, id_header=self.id_header)
        return self


def _refuse_same(timestamp_header: str | None, **others: str | None) -> None:
    """Refuses settings with which no request would ever verify, because one header can't hold both values."""
    for name, other in others.items():
        if timestamp_header and timestamp_header == other:
            raise ValueError(f"expected a timestamp_header other than {name}: {other} can't hold both")
