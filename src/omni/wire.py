"""The base of every OMNI model: it uses the API's names on the wire, keeps unknown fields and omits absent ones."""

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
    """Returns the API's form, such as `2031-05-24T10:45:38.000+0000`. A time without an offset is taken as UTC."""
    whole, _, minutes = _assume_utc(value).isoformat(timespec="milliseconds").rpartition(":")
    return whole + minutes


# An empty XML element (`<groupId/>`) means that the number, flag or time is absent.
Instant = Annotated[datetime, AfterValidator(_assume_utc), PlainSerializer(format_instant, when_used="json")]
OptionalInstant = Annotated[Instant | None, BeforeValidator(_blank_is_absent)]
OptionalInt = Annotated[int | None, BeforeValidator(_blank_is_absent)]
OptionalFloat = Annotated[float | None, BeforeValidator(_blank_is_absent)]
OptionalBool = Annotated[bool | None, BeforeValidator(_blank_is_absent)]


class WireModel(BaseModel):
    """Has Python names in code and the API's camelCase names on the wire. Unknown fields survive a round trip."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        extra="allow",
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        defer_build=True,  # a cold start builds only the models that it uses
    )

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Reads a decoded JSON value by the API's names only.

        Raises:
            pydantic.ValidationError: a required field is missing, or a known one has the wrong type.
        """
        return cls.model_validate(value, by_alias=True, by_name=False)

    def wire(self) -> dict[str, Any]:
        """Returns the JSON value that the API takes, with its names and without nulls for absent fields."""
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
