"""A URL that others choose leads to a public host by https; a private one is refused in any notation."""

import pytest

from relay.message.urls import check_public_url
from relay.problems import Mistake


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/reports?x=1&y='a'",
        "https://EXAMPLE.com:443/",
        "https://example.com.:8443/",
        "https://under_score.example.com/",
        "https://xn--exmple-cua.ch/",
        "https://8.8.8.8/",
        "https://[2001:4860:4860::8888]/",
        "https://[::ffff:8.8.8.8]/",
        "https://example.com/#@10.0.0.1/",
    ],
)
def test_public_https_urls_are_taken(url: str) -> None:
    check_public_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "https:///x",
        "https://user@example.com/",
        "https://example.com@10.0.0.1/",
        "https://a:b@example.com/",
        "https://@example.com/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com /",
        "https://exa\nmple.com/",
        "https://exämple.ch/",
        "https://ⓔxample.com/",
        "https://%6c%6fcalhost/",
        "https://example.com/\x00",
        "https://[/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://api.localhost/",
        "https://printer/",
        "https://nas.local/",
        "https://db.internal/",
        "https://x.corp/",
        "https://router.home.arpa/",
        "https://a..com/",
        "https://-a.com/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://0/",
        "https://0x/",
        "https://1.2.3.4.5/",
        "https://08.8.8.8/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://192.0.2.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://240.0.0.1/",
        "https://[::]/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://[v1.x]/",
        "https://[127.0.0.1]/",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(Mistake, match="expected"):
        check_public_url(url)
