"""What every OMNI model shares: the API's names on the wire, unknown fields kept, absent fields left out."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

WireFormat = Literal["json", "xml"]
Model = TypeVar("Model", bound="WireModel")


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _blank_is_absent(value: Any) -> Any:
    return None if _is_blank(value) else value


def _assume_utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def format_instant(value: datetime) -> str:
    """`2031-05-24T10:45:38.000+0000`, the API's form; a time without an offset is UTC."""
    whole, _, minutes = _assume_utc(value).isoformat(timespec="milliseconds").rpartition(":")
    return whole + minutes


# An XML element without content (`<groupId/>`) is an absent number, flag or time.
Instant = Annotated[datetime, AfterValidator(_assume_utc), PlainSerializer(format_instant, when_used="json")]
OptionalInstant = Annotated[Instant | None, BeforeValidator(_blank_is_absent)]
OptionalInt = Annotated[int | None, BeforeValidator(_blank_is_absent)]
OptionalFloat = Annotated[float | None, BeforeValidator(_blank_is_absent)]
OptionalBool = Annotated[bool | None, BeforeValidator(_blank_is_absent)]


class WireModel(BaseModel):
    """Python names in code, the API's camelCase on the wire; what we don't know survives a round trip."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        extra="allow",
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        defer_build=True,  # a cold start pays only for the models that it uses
    )

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read a decoded JSON value by the API's own names only.

        Raises:
            pydantic.ValidationError: a required field is missing, or a known one has the wrong type.
        """
        return cls.model_validate(value, by_alias=True, by_name=False)

    def wire(self) -> dict[str, Any]:
        """The JSON value that the API takes: its own names, and no nulls for fields that are absent."""
        return self.model_dump(mode="json", by_alias=True)

    def to_json(self) -> bytes:
        return self.model_dump_json(by_alias=True).encode()

    @model_validator(mode="before")
    @classmethod
    def _blank_is_empty(cls, value: Any) -> Any:
        return {} if _is_blank(value) else value  # an XML element without children

    @model_serializer(mode="wrap")
    def _without_absent(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        absent = set(type(self).model_fields) - self.model_fields_set
        absent |= {type(self).model_fields[name].alias or name for name in absent}
        unknown = self.__pydantic_extra__ or {}
        return {
            name: value
            for name, value in serialise(self).items()
            if name in unknown or (value is not None and name not in absent)
        }
