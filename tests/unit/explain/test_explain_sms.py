"""An SMS's encoding and its parts are counted as 3GPP TS 23.038 and 23.040 have them."""

import pytest

from relay.explain.sms import sms_size


@pytest.mark.parametrize(
    ("text", "encoding", "segments", "places"),
    [
        ("", "GSM-7", 1, 0),
        ("a" * 160, "GSM-7", 1, 160),
        ("a" * 161, "GSM-7", 2, 161),
        ("a" * 306, "GSM-7", 2, 306),
        ("a" * 307, "GSM-7", 3, 307),
        ("Zürich: Ärger, 5 £ à Øre\n", "GSM-7", 1, 25),
        ("€" * 80, "GSM-7", 1, 160),
        ("€" * 81, "GSM-7", 2, 162),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3, 306),  # the sign would be cut at the end of the first part
        ("ç", "UCS-2", 1, 1),
        ("я" * 70, "UCS-2", 1, 70),
        ("я" * 71, "UCS-2", 2, 71),
        ("я" * 134, "UCS-2", 2, 134),
        ("я" * 135, "UCS-2", 3, 135),
        ("🚨" * 35, "UCS-2", 1, 70),
        ("🚨" * 36, "UCS-2", 2, 72),
        ("я" * 66 + "🚨" + "я" * 66, "UCS-2", 3, 134),
    ],
)
def test_a_text_s_size(text: str, encoding: str, segments: int, places: int) -> None:
    size = sms_size(text)
    assert (size.encoding, size.segments, size.places) == (encoding, segments, places)


def test_the_characters_that_make_an_sms_costly_are_named() -> None:
    assert sms_size("Zürich: ъ in ъ日").costly == "ъ日"
    assert sms_size("plain").costly == ""
