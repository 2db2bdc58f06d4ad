"""The fields that a source may set under `verify:`. Each preset takes those of its model and no others."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from relay import limits
from relay.verification.credentials import AuthScheme
from relay.verification.handshakes import Handshake
from relay.verification.json_web_tokens import TokenAlgorithm
from relay.verification.places import FIELD_PATH, PART, PLACE
from relay.verification.primitives import Encoding, TimeFormat
from relay.verification.public_keys import PublicAlgorithm
from relay.verification.signatures import HmacAlgorithm

_PARTS = "{body}, {timestamp}, {id}, {method}, {url}, {path}, {query?}, {body_hash:…}, {header:…}, {query:…}, {field:…}"
_BODY_HASH = "body_hash:sha(?:256|384|512)-(?:hex|base64|base64url)"
_SIGNED_PART = re.compile(rf"body|timestamp|id|method|url|path|query\?|{_BODY_HASH}|body_hash:crc32|{PLACE}", re.ASCII)
_COVERING_PART = re.compile(rf"body|{_BODY_HASH}", re.ASCII)  # a body of the same CRC-32 is easily made


def _known_parts(template: str) -> str:
    unknown = [part for part in PART.findall(template) if not _SIGNED_PART.fullmatch(part)]
    if unknown:
        raise ValueError(f"unknown placeholder {{{unknown[0]}}}; expected {_PARTS}")
    return template


def _without_query(url: str) -> str:
    if "?" in url or "#" in url:
        raise ValueError("expected an address without a query: each request brings its own")
    return url


HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$", to_lower=True)]
Tolerance = Annotated[int, Field(ge=1, le=86_400, strict=True)]
SignedTemplate = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_known_parts)]
QueryName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
FieldPath = Annotated[str, StringConstraints(pattern=FIELD_PATH, max_length=300)]
KeySetUrl = Annotated[
    str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]*$", max_length=2048)
]
ClaimText = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Prefix = Annotated[str, StringConstraints(max_length=64)]
TopicArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$")]
PublicUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?$", max_length=2048),
    AfterValidator(_without_query),
]


class VerifySettings(BaseModel):
    """The base of all models, and the model of presets without settings."""

    # Each model is built when a source first needs it, because building all of them takes long in a cold start.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    preset: str

    def overrides(self) -> dict[str, Any]:
        """Returns the fields of the preset's scheme that these settings replace."""
        return self.model_dump(exclude={"preset", "handshakes", "accepted"}, exclude_unset=True, exclude_none=True)

    def of_row(self) -> dict[str, Any]:
        """Returns the fields of the preset's row that these settings replace."""
        return {}


class PaypalSettings(VerifySettings):
    """`webhook_id`: the webhook's id, as PayPal's dashboard shows it."""

    webhook_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,50}$")]


class PubSubSettings(VerifySettings):
    """`audience` and `email`: the audience and the service account, as entered at the subscription."""

    audience: ClaimText
    email: ClaimText

    def overrides(self) -> dict[str, Any]:
        return {"audience": self.audience, "claims": {"email": self.email, "email_verified": True}}


class OpenSettings(VerifySettings):
    """The settings that any sender may need besides its proof: Handshake and Verification explain the fields."""

    accepted: Literal[200, 202] = 202
    handshakes: Annotated[tuple[Handshake, ...], Field(max_length=5)] = ()

    def of_row(self) -> dict[str, Any]:
        return {"handshakes": self.handshakes, "accepted": self.accepted}


class WindowSettings(VerifySettings):
    """`tolerance`: how old a signature may be, in seconds."""

    tolerance: Tolerance = 300


class TokenSettings(OpenSettings):
    """`header`, the `query`'s parameter or the body's `field` holds the token, after `prefix`."""

    header: HeaderName | None = None
    query: QueryName | None = None
    field: FieldPath | None = None
    prefix: Prefix = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        _refuse_several(header=self.header, query=self.query, field=self.field)
        return self

    def overrides(self) -> dict[str, Any]:
        elsewhere = {"header": ""} if self.query or self.field else {}
        return super().overrides() | elsewhere


class QuerySettings(VerifySettings):
    """`query`: the parameter of the address that holds the secret."""

    query: QueryName = "code"


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


class AddressSettings(VerifySettings):
    """`public_url`: the address as entered at the sender, path included."""

    public_url: PublicUrl


class SnsSettings(VerifySettings):
    """`topic_arns`: the topics to accept.

    SNS has no shared secret. Without this list, any AWS account's topic would be accepted.
    """

    topic_arns: Annotated[tuple[TopicArn, ...], Field(min_length=1)]


class TokenOfKeySetSettings(OpenSettings):
    """A JSON Web Token. TokenOfKeySetScheme explains the fields."""

    key_set: KeySetUrl
    issuer: ClaimText | Annotated[tuple[ClaimText, ...], Field(min_length=1, max_length=10)]
    audience: ClaimText
    algorithms: Annotated[tuple[TokenAlgorithm, ...], Field(min_length=1)] = ("RS256",)
    claims: Mapping[ClaimText, StrictBool | StrictInt | ClaimText] = {}
    header: HeaderName = "authorization"
    prefix: Prefix = "Bearer "
    tolerance: Annotated[int, Field(ge=0, le=600, strict=True)] = 60

    def overrides(self) -> dict[str, Any]:
        given = super().overrides()
        issuer = given.pop("issuer")
        return given | {"issuers": (issuer,) if isinstance(issuer, str) else issuer}


class SignatureSettings(OpenSettings):
    """Any sender that signs. SignatureScheme explains the fields."""

    query: QueryName | None = None
    field: FieldPath | None = None
    header: Annotated[HeaderName | None, Field(validate_default=True)] = None
    encoding: Encoding = "hex"
    prefix: Prefix = ""
    separator: Annotated[str, StringConstraints(min_length=1, max_length=8, strip_whitespace=False)] | None = None
    signed: SignedTemplate = "{body}"
    timestamp_header: HeaderName | None = None
    timestamp_field: FieldPath | None = None
    timestamp_prefix: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    timestamp_format: TimeFormat = "seconds"
    id_header: HeaderName | None = None
    tolerance: Tolerance = 300
    public_url: PublicUrl | None = None
    covers_body: bool = True

    @field_validator("header")
    @classmethod
    def _somewhere(cls, header: str | None, info: ValidationInfo) -> str | None:
        elsewhere = info.data.get("query") or info.data.get("field")
        _require(bool(header or elsewhere), "expected header, query or field: where the signature is")
        return header

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _refuse_several(header=self.header, query=self.query, field=self.field)
        _require(
            bool(self.header or self.query or self.field), "expected header, query or field: where the signature is"
        )
        parts = set(PART.findall(self.signed))
        self._check_coverage(any(_COVERING_PART.fullmatch(part) for part in parts))
        self._check_timestamp("timestamp" in parts)
        _require("id" not in parts or bool(self.id_header), "signed uses {id}: expected id_header")
        addressed = not parts.isdisjoint({"url", "path"})
        _require(not addressed or bool(self.public_url), "signed uses {url} or {path}: expected public_url")
        if self.id_header and "id" not in parts and "timestamp" in parts and 2 * self.tolerance > limits.REPEAT_SECONDS:
            raise ValueError(
                f"id_header is not in signed: expected a tolerance of at most {limits.REPEAT_SECONDS // 2} s, else "
                "anybody who captured a request can repeat it under another id"
            )
        return self

    def _check_coverage(self, covered: bool) -> None:
        if self.covers_body and not covered:
            raise ValueError(
                "expected {body} or {body_hash:…} in signed: what isn't signed can be forged; if the sender signs no "
                "more, say so by covers_body: false"
            )
        _require(self.covers_body or not covered, "signed covers the body: expected no covers_body: false")

    def _check_timestamp(self, signed: bool) -> None:
        _refuse_several(
            timestamp_header=self.timestamp_header,
            timestamp_field=self.timestamp_field,
            timestamp_prefix=self.timestamp_prefix,
        )
        _refuse_same(self.timestamp_header, header=self.header, id_header=self.id_header)
        kept = self.timestamp_header or self.timestamp_prefix
        _require(
            not signed or bool(kept or self.timestamp_field),
            "signed uses {timestamp}: expected timestamp_header, timestamp_field or timestamp_prefix",
        )
        if not signed and (kept or (self.timestamp_field and not self.covers_body)):
            name = "timestamp_field" if self.timestamp_field else "timestamp_header"
            name = "timestamp_prefix" if self.timestamp_prefix else name
            raise ValueError(f"{name} is set: expected {{timestamp}} in signed, else anybody can renew it")
        _require(
            not self.timestamp_prefix or bool(self.separator),
            "timestamp_prefix is set: expected separator, which stands between the timestamp and the signature",
        )


class HmacSettings(SignatureSettings):
    """A shared secret. `base64_key: true` means `key_encoding: base64`."""

    algorithm: HmacAlgorithm = "sha256"
    key_encoding: Literal["text", "base64", "hex"] = "text"
    base64_key: bool = False

    def overrides(self) -> dict[str, Any]:
        given = super().overrides()
        return given | ({"key_encoding": "base64"} if given.pop("base64_key", False) else {})


class PublicKeySettings(SignatureSettings):
    """A public key, in place of the secret."""

    algorithm: PublicAlgorithm
    key_encoding: Literal["pem", "base64", "hex"] = "pem"


def _require(holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(expected)


def _refuse_several(**places: str | None) -> None:
    named = [name for name, value in places.items() if value]
    _require(len(named) < 2, f"expected only one of {' and '.join(named)}")  # noqa: PLR2004 -- one place


def _refuse_same(timestamp_header: str | None, **others: str | None) -> None:
    """Refuses settings with which no request would ever verify, because one header can't hold both values."""
    for name, other in others.items():
        if timestamp_header and timestamp_header == other:
            raise ValueError(f"expected a timestamp_header other than {name}: {other} can't hold both")
