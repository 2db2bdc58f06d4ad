"""Who gets a message: phone numbers as E.164 digits and email addresses, checked, and masked where they are shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay import limits
from relay.problems import Mistake
from relay.redaction import mask_email, mask_phone

_FIELDS = ("phone", "email")
_NAME = re.compile(r"[A-Za-z_]{1,40}", re.ASCII)
# As people write and paste them: spaces and hyphens that don't break lines, and dashes, too.
_PHONE = re.compile(r"(?P<prefix>\+|00)?(?P<rest>[0-9 \u00a0\u202f().\-\u2010\u2011\u2013/]{3,40})")


@dataclass(frozen=True, slots=True)
class Recipient:
    """At least one address: `phone` as digits with the country code ("41793026727"), `email` in ASCII."""

    phone: str | None
    email: str | None


def parse_recipient(raw: Mapping[str, Any]) -> Recipient:
    """Reads `{phone, email}`; an empty or null address counts as absent.

    Raises:
        Mistake: an address is wrong, a key is unknown, or there is no address.
    """
    unknown = sorted(str(key) for key in raw if key not in _FIELDS)
    if unknown:
        shown = repr(unknown[0]) if _NAME.fullmatch(unknown[0]) else "field"  # an address in a name's place isn't shown
        raise Mistake(f"unknown {shown}: expected phone, email or both")
    phone, email = (_text(name, raw.get(name)) for name in _FIELDS)
    if not phone and not email:
        raise Mistake("expected a phone, an email or both")
    return Recipient(parse_phone(phone) if phone else None, parse_email(email) if email else None)


def parse_phone(text: str) -> str:
    """Gives the digits of an international number: "+41 (0)79 302 67 27" → "41793026727".

    With "+" or "00" the length must fit the country; without them the number must be in a known range,
    since only then is it clear that it starts with a country code.
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
    # Ranges open every month: one that this version doesn't know yet must not be refused when its country is plain.
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not (possible if marked else phonenumbers.is_valid_number(number)):
        raise _bad_phone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def parse_email(text: str) -> str:
    """Gives the address with its domain in lower case and ASCII; nothing is looked up in the DNS."""
    from email_validator import EmailNotValidError, validate_email

    try:
        address = validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email
    except (EmailNotValidError, UnicodeError):
        address = None
    if address is None:
        raise Mistake(f"{mask_email(text)!r} is not an email address: expected one like ops@example.com", "email")
    return address


def _text(name: str, value: Any) -> str:
    """Gives an address as stripped text; YAML reads an unquoted phone number as an integer."""
    if value is None:
        return ""
    if name == "phone" and isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15:
        return str(value)
    if not isinstance(value, str):
        raise Mistake("expected a text", name)
    if len(value) > limits.ADDRESS_CHARS:
        raise Mistake(f"expected at most {limits.ADDRESS_CHARS} characters", name)
    return value.strip()


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _bad_phone(text: str) -> Mistake:
    shown = mask_phone(_digits(text))
    return Mistake(f"{shown!r} is not an international number: expected its country code first, as in +41…", "phone")
