"""Who gets a message: phone numbers as E.164 digits and email addresses, checked, and masked where they are shown."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from relay import limits
from relay.message.wording import Place, errors_at, errors_of
from relay.problems import Mistake
from relay.redaction import mask_email, mask_phone

# Numbers as people write and paste them, with spaces and hyphens that don't break lines, and with dashes.
_PHONE = re.compile(r"(?P<prefix>\+|00)?(?P<rest>[0-9 \u00a0\u202f().\-\u2010\u2011\u2013/]{3,40})")


def parse_phone(text: str) -> str:
    """Gives the digits of an international number: "+41 (0)79 302 67 27" → "41793026727".

    With "+" or "00" the length must fit the country. Without them the number must be in a known range, because only
    then is it clear that it starts with a country code. Raises Mistake.
    """
    import phonenumbers

    match = _PHONE.fullmatch(text)
    if match is None:
        raise _bad_phone(text)
    marked = match["prefix"] is not None
    try:
        number = phonenumbers.parse("+" + _digits(match["rest"]), None)
    except phonenumbers.NumberParseException:
        raise _bad_phone(text) from None
    # New ranges open every month. A number in a range that this version doesn't know is taken if its country is plain.
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not (possible if marked else phonenumbers.is_valid_number(number)):
        raise _bad_phone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def parse_email(text: str) -> str:
    """Gives the address with its domain in lower case and ASCII, without a look-up in the DNS. Raises Mistake."""
    from email_validator import EmailNotValidError, validate_email

    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email
    except (EmailNotValidError, UnicodeError):
        address = None
    if address is None:
        raise Mistake(f"{mask_email(text)!r} is not an email address: expected one like ops@example.com")
    return address


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _bad_phone(text: str) -> Mistake:
    shown = mask_phone(_digits(text))
    return Mistake(f"{shown!r} is not an international number: expected its country code first, as in +41…")


def _phone(value: Any) -> str | None:
    """Takes integers too, because YAML reads an unquoted phone number as one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15:
        return parse_phone(str(value))
    return _address(value, parse_phone)


def _email(value: Any) -> str | None:
    return _address(value, parse_email)


def _address(value: Any, parse: Callable[[str], str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Mistake("expected a text")
    if len(value) > limits.ADDRESS_CHARS:
        raise Mistake(f"expected at most {limits.ADDRESS_CHARS} characters")
    text = value.strip()
    return parse(text) if text else None


class Recipient(BaseModel):
    """One or both addresses: `phone` as digits with the country code ("41793026727"), `email` in ASCII.

    An empty or null address counts as absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone: Annotated[str | None, BeforeValidator(_phone)] = None
    email: Annotated[str | None, BeforeValidator(_email)] = None

    @model_validator(mode="before")
    @classmethod
    def _is_small_object(cls, value: Any) -> Any:
        if not isinstance(value, dict) or len(value) > limits.FIELDS:
            raise Mistake("expected an object with phone, email or both")
        return value

    @model_validator(mode="after")
    def _has_address(self) -> "Recipient":
        if not self.phone and not self.email:
            raise Mistake("expected a phone, an email or both")
        return self


def read_recipients(value: Any) -> tuple[Recipient, ...]:
    """Reads a list of `{phone, email}`, and ends once there are as many errors as are told.

    Pairs that are equal but for the letter case of an email are merged, because no mail host tells them apart.
    `{phone}` beside `{phone, email}` stays: only OMNI knows which of them the scenario's channels will reach.

    Raises:
        Mistake: it is no list, empty, or too long.
        ValidationError: recipients are wrong, each with its index.
    """
    _check_number(value)
    found: list[tuple[Place, str]] = []
    first: dict[tuple[str | None, str], Recipient] = {}
    for index, entry in enumerate(value):
        try:
            recipient = Recipient.model_validate(entry)
        except ValidationError as problem:
            found += (((index, *place), words) for place, words in errors_of(problem))
            if len(found) >= limits.ERRORS:
                break
        else:
            first.setdefault((recipient.phone, (recipient.email or "").lower()), recipient)
    if found:
        raise errors_at(found)
    return tuple(first.values())


def _check_number(value: Any) -> None:
    if not isinstance(value, list | tuple):
        raise Mistake("expected a list of {phone, email}")
    if not value:
        raise Mistake("expected 1 or more")
    if len(value) > limits.RECIPIENTS:
        raise Mistake(f"expected at most {limits.RECIPIENTS} destinations")
