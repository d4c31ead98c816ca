"""Which URLs may be asked, which addresses are public, and which hosts a list holds."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import InvalidValue
from baton.core.web.addresses import is_public
from baton.core.web.urls import Hosts, read_url

READ = {
    "https://example.org": ("https", "example.org", 443, "example.org"),
    "HTTP://EXAMPLE.org:8080/a?b#c": ("http", "example.org", 8080, "example.org:8080"),
    "http://example.org./": ("http", "example.org", 80, "example.org"),
    "http://localhost./": ("http", "localhost", 80, "localhost"),
    "http://127.0.0.1./": ("http", "127.0.0.1", 80, "127.0.0.1"),
    "http://127\u30020\u30020\u30021/": ("http", "127.0.0.1", 80, "127.0.0.1"),
    "http://[::1]:81/": ("http", "::1", 81, "[::1]:81"),
    "http://[0:0:0:0:0:0:0:1]/": ("http", "::1", 80, "[::1]"),
    "http://bücher.example/": ("http", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"),
    "http://xn--bcher-kva.example/": ("http", "xn--bcher-kva.example", 80, "xn--bcher-kva.example"),
    "http://example.org/@a?b@c#d@e": ("http", "example.org", 80, "example.org"),
}

REFUSED = {
    "no http": [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "//example.org/",
        "example.org",
        "",
    ],
    "odd addresses": [
        *("http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/"),
        *("http://0/", "http://127.0.0.0x1/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://127.0.0.1../"),
    ],
    "users": [
        "http://good@evil.example/",
        "http://a:b@evil.example/",
        "http://@evil.example/",
        "http://a%40b@c.example/",
    ],
    "separators": [
        *("http://good.example\\@evil.example/", "http:\\\\evil.example/", "http://evil.example%00.good.example/"),
        *("http://evil.example%2f.good.example/", "http:///evil.example", "http:/evil.example", "http:evil.example"),
        *("http://a b/", "http://a\tb/", "http://a\r\nHost: b/", "http://a\0b/", "http://a\u2003b/"),
    ],
    "names": [
        *(
            "http://\uff11\uff12\uff17.0.0.1/",
            "http://\u2460\u2461\u2466.0.0.1/",
            "http://\u24dbocalhost/",
            "http://a..b/",
            "http://-a.example/",
        ),
        *(
            "http://" + "a" * 64 + ".example/",
            "http://" + "a." * 130 + "example/",
            "http://exa_mple$.org/",
            "http://*/",
        ),
    ],
    "ports": [
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:80:80/",
        "http://example.org:x/",
    ],
    "zones": ["http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1", "http://::1/"],
    "length": ["http://example.org/" + "a" * 8000],
}


@pytest.mark.parametrize("url", READ)
def test_a_url_is_read_in_one_way(url: str) -> None:
    target = read_url(url)
    assert (target.url.scheme, target.host, target.port, target.name) == READ[url]
    assert target.url.raw_host.decode() == target.host


@pytest.mark.parametrize("url", [url for urls in REFUSED.values() for url in urls])
def test_what_others_might_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        read_url(url)


@given(st.text(st.characters(categories=[], include_characters="htp:/@\\.0127af[]%?#x。 \t-l"), max_size=25))
def test_what_is_read_is_a_plain_host(rest: str) -> None:
    try:
        target = read_url(f"http://{rest}")
    except ValueError:
        return
    assert target.host == target.host.lower()
    assert set(target.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
    assert read_url(str(target.url)).host == target.host


PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::1", "2001:2::1"),
    *("2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1"),
    *(
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
        "",
    ),
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_nobodys_business_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_pythons_own_list_is_a_lower_bound(address: IPv4Address) -> None:
    odd = any(address in IPv4Network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4"))
    assert odd or address.is_global or not is_public(str(address))
    assert is_public(str(address)) == is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}")


@given(st.ip_addresses(v=6))
def test_pythons_own_list_is_a_lower_bound_for_the_newer_ones(address: IPv6Address) -> None:
    assert address.is_global or address.ipv4_mapped or not is_public(str(address))


@pytest.mark.parametrize(
    ("entry", "url", "holds"),
    [
        ("api.shop.example", "https://api.shop.example/x", True),
        ("API.shop.example", "https://api.shop.example./x", True),
        ("api.shop.example", "https://api.shop.example:8443/", False),
        ("api.shop.example:8443", "https://api.shop.example:8443/", True),
        ("api.shop.example:8443", "https://api.shop.example/", False),
        ("api.shop.example", "http://api.shop.example:443/", False),
        ("api.shop.example", "https://api.shop.example.evil.example/", False),
        ("shop.example", "https://api.shop.example/", False),
        ("*.shop.example", "https://api.shop.example/", True),
        ("*.shop.example", "https://a.b.shop.example/", True),
        ("*.shop.example", "https://shop.example/", False),
        ("*.shop.example", "https://evilshop.example/", False),
        ("bücher.example", "https://xn--bcher-kva.example/", True),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/", True),
        ("[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", True),
        ("[::1]", "http://[::1]/", True),
    ],
)
def test_a_list_holds_exactly_what_it_names(entry: str, url: str, holds: bool) -> None:
    assert (read_url(url) in Hosts("host", [entry])) is holds


@pytest.mark.parametrize(
    "entry", ["", "*", "*.", "https://a.example", "a.example/x", "a@b.example", "*.1.2.3.4", "a.*.b"]
)
def test_what_cannot_be_in_a_list_is_refused(entry: str) -> None:
    with pytest.raises(InvalidValue):
        Hosts("host", [entry])


@pytest.mark.parametrize(
    "there", ["http://a.example/", "\\\\evil.example", "https://u@b.example/", "file:///x", "https://127.1/"]
)
def test_a_redirect_is_read_as_carefully_and_never_leaves_https(there: str) -> None:
    with pytest.raises(ValueError):
        read_url("https://a.example/x/y").follow(there)


def test_a_redirect_may_be_relative() -> None:
    assert str(read_url("https://a.example/x/y").follow("../z?q").url) == "https://a.example/z?q"
    assert str(read_url("http://a.example/x").follow("//b.example/z").url) == "http://b.example/z"
