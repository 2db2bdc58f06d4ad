"""Phone numbers are read as E.164 digits, email addresses in ASCII; an error shows only a mask of them."""

from typing import Any

import pytest
from pydantic import ValidationError

from relay.message.recipients import Recipient
from relay.message.wording import field_errors
from relay.redaction import mask_email, mask_phone

read = Recipient.model_validate


def problems(raw: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as problem:
        read(raw)
    return {error.field: error.problem for error in field_errors(problem.value)}


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("+41 79 302 67 27", "41793026727"),
        ("41793026727", "41793026727"),
        (41793026727, "41793026727"),  # YAML without quotes
        ("0041 79 302 67 27", "41793026727"),
        ("+41 (0)79 302 67 27", "41793026727"),
        ("+41\u00a079\u202f302\u201167\u201327", "41793026727"),
        ("  +1 (415) 555-0100\n", "14155550100"),
        ("+44 (0)20 7946 0958", "442079460958"),
        ("+39 06 6981 2345", "390669812345"),
        ("+49/30/901820", "4930901820"),
        ("+1 200 555 0100", "12005550100"),  # a range unknown to this version of the metadata
    ],
)
def test_an_international_number_becomes_digits(phone: Any, digits: str) -> None:
    recipient = read({"phone": phone})
    assert (recipient.phone, recipient.email) == (digits, None)


@pytest.mark.parametrize(
    "phone",
    [
        "079 302 67 27",
        "793026727",
        "4155550100",
        "12005550100",
        "+41 79 302 67",
        "+41 79 302 67 27 89 01",
        "+999 123456",
        "+41793026727 ext 5",
        "+41793026727;ext=5",
        "+1-800-FLOWERS",
        "tel:+41793026727",
        "+٤١٧٩٣٠٢٦٧٢٧",
        "+",
        "--",
        "+" + "1" * 300,
        "1" * 400,
        True,
        -41793026727,
        pytest.param(10**5_000, id="huge"),
        41793026727.0,
        ["+41793026727"],
        {},
    ],
)
def test_any_other_number_is_refused(phone: Any) -> None:
    assert list(problems({"phone": phone})) == ["phone"]


@pytest.mark.parametrize(
    ("email", "address"),
    [
        ("ops@example.com", "ops@example.com"),
        (" Ops.Team+x@EXAMPLE.com ", "Ops.Team+x@example.com"),
        ("ops@exämple.ch", "ops@xn--exmple-cua.ch"),
    ],
)
def test_an_email_address_comes_out_in_ascii(email: str, address: str) -> None:
    assert read({"email": email}).email == address


@pytest.mark.parametrize(
    "email",
    [
        "ops",
        "ops@",
        "@example.com",
        "a b@example.com",
        "a@b@example.com",
        "ops@localhost",
        "ops@[127.0.0.1]",
        "jörg@example.com",
        "Ops <ops@example.com>",
        "ops@example.com, b@example.com",
        "a\x00@example.com",
        "\ud800@example.com",
        "a@\ud800.com",
        "a@example.com\r\nBcc: b@example.com",
        "a" * 400,
        5,
    ],
)
def test_any_other_address_is_refused(email: Any) -> None:
    [(field, words)] = problems({"email": email}).items()
    assert field == "email"
    words.encode()


def test_an_empty_address_counts_as_absent_but_one_is_needed() -> None:
    assert read({"phone": " ", "email": "a@example.com"}).phone is None
    assert read({"phone": "+41793026727", "email": None}).email is None
    for raw in ({}, {"phone": ""}, {"phone": None, "email": " "}):
        assert problems(raw) == {"(body)": "expected a phone, an email or both"}


def test_an_unknown_key_is_named() -> None:
    assert problems({"fone": "+41793026727"}) == {"fone": "there is no such field"}


def test_an_address_in_a_keys_place_is_not_repeated() -> None:
    assert list(problems({"ops@example.com": "x"})) == ["…"]


def test_each_wrong_address_is_named() -> None:
    assert list(problems({"phone": "079", "email": "ops@", "fax": "1"})) == ["phone", "email", "fax"]


def test_errors_show_a_mask_of_the_address() -> None:
    for raw, shown, hidden in (
        ({"phone": "0793026727"}, "0793****27", "0793026727"),
        ({"email": "secret.person@localhost"}, "s***@localhost", "secret.person"),
    ):
        [words] = problems(raw).values()
        assert shown in words
        assert hidden not in words


def test_masks_hide_what_is_personal() -> None:
    assert mask_phone("41793026727") == "4179*****27"
    assert mask_phone("4179302") == "*******"
    assert mask_phone("") == ""
    assert mask_email("ops@example.com") == "o***@example.com"
    assert mask_email("a@b@example.com") == "a***@example.com"
    for text in ("", "ops", "@example.com", "a@b c", "a@\ud800"):
        assert mask_email(text) == "***"
