"""Addresses are encoded as browsers do, once; a valid one is not touched."""

import re
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.refusal import Refusal
from agent.protocol.web_address import (
    encode_url,
    file_name_of,
    follow,
    is_web_address,
    scheme_of,
    shown_url,
)

URL_LETTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
VALID_LETTERS = st.sampled_from("abcXYZ019-._~!$&'()*+,;=:@/")
VALID = st.builds(
    "{}://{}{}/{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "user:p%40ss@", "user@"]),
    st.sampled_from(
        ["host", "HOST.example:8080", "192.0.2.1", "[2001:db8::1]:80", "a_b", "xn--bcher-kva.de"]
    ),
    st.lists(VALID_LETTERS | st.sampled_from(["%20", "%C3%BC", "%2f", "//", ".."])).map("".join),
    st.sampled_from(["", "?", "?a=b&c[]=%5B?/", "?X-Amz-Signature=a%2Fb+c=="]),
    st.sampled_from(["", "#", "#x%20?"]),
)
WRITTEN = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["http", "HTTPS", "Http"]),
    st.sampled_from(
        ["host", "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "u:p w@host:8"]
    ),
    st.text(st.characters(exclude_characters="?#")),
)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://h/a b", "http://h/a%20b"),
        ("  http://h/a\tb\n ", "http://h/ab"),
        ("http://h/ü/漢?ä=ö ü#é", "http://h/%C3%BC/%E6%BC%A2?%C3%A4=%C3%B6%20%C3%BC#%C3%A9"),
        ("HTTP://h/", "http://h/"),
        ("hTTps://Bücher.Example:8443/x", "https://xn--bcher-kva.example:8443/x"),
        ("http://faß.de/", "http://xn--fa-hia.de/"),
        ("http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"),
        ("http://\N{FULLWIDTH DIGIT ONE}27\N{FULLWIDTH FULL STOP}0.0.1/", "http://127.0.0.1/"),
        ("http://h/100%.img", "http://h/100%25.img"),
        ("http://h/100%25.img", "http://h/100%25.img"),
        ("http://h/a\\b?c\\d", "http://h/a/b?c%5Cd"),
        ("http://h\\@evil/", "http://h/@evil/"),
        ("http://me:p@ß@h/", "http://me:p%40%C3%9F@h/"),
        ('http://h/<"`{}|^>', "http://h/%3C%22%60%7B%7D%7C%5E%3E"),
        ("http://h/${net0/mac}||shell", "http://h/$%7Bnet0/mac%7D%7C%7Cshell"),
        ("http://h/a[1].img", "http://h/a[1].img"),
        ("http://h/x\x1b[0m\0y", "http://h/x%1B[0m%00y"),
        ("http://h/W\udce9stern", "http://h/W%E9stern"),
        ("http://h/\ud83d", "http://h/%EF%BF%BD"),
        ("http://[fe80::1%eth0]:80/", "http://[fe80::1%25eth0]:80/"),
        ("FILE:///mnt/a b", "file:///mnt/a%20b"),
        ("OCI://registry/name:tag", "oci://registry/name:tag"),
    ],
)
def test_what_people_write_becomes_what_can_be_sent(written: str, sent: str) -> None:
    assert encode_url(written) == sent


@pytest.mark.parametrize(
    "url",
    [
        "http:///x",
        "http:x",
        "http://",
        "http://h:80:90/",
        "http://h:99999/",
        "http://h:8x/",
        "http://[::1/",
        "http://[zz]/",
        "http://a b/",
        "http://a%2Fb/",
        "http://ex%ample/",
        "http://\N{SNOWMAN}\N{SNOWMAN}" + "x" * 70 + "/",
        "http://h/" + "ü" * 2000,
    ],
)
def test_what_no_server_can_have_is_refused(url: str) -> None:
    with pytest.raises(Refusal):
        encode_url(url)


@given(VALID)
def test_a_valid_url_stays_as_it_is(url: str) -> None:
    assert encode_url(url) == url


@given(WRITTEN)
def test_encoding_twice_is_encoding_once(written: str) -> None:
    once = encode_url(written)
    assert URL_LETTERS.fullmatch(once)
    assert encode_url(once) == once


@given(st.text())
def test_any_text_is_encoded_or_refused(text: str) -> None:
    try:
        once = encode_url(text)
    except Refusal:
        return
    assert URL_LETTERS.fullmatch(once)
    assert encode_url(once) == once


@given(st.text(st.characters(exclude_characters="?#\\%\t\r\n", exclude_categories=["Cs"])))
def test_the_server_finds_the_name_that_was_written(name: str) -> None:
    path = urlsplit(encode_url(f"http://h/{name}/x")).path
    assert unquote_to_bytes(path) == f"/{name}/x".encode()


@given(st.text(st.characters(exclude_characters="?#\\%[]/", exclude_categories=["Cs", "Cc"])))
def test_requests_would_ask_for_the_same(name: str) -> None:
    encoded = encode_url(f"http://h/n{name}n/x")
    prepared = requests.Request("GET", f"http://h/n{name}n/x").prepare().url
    assert unquote_to_bytes(encoded) == unquote_to_bytes(prepared or "")
    assert unquote_to_bytes(
        requests.Request("GET", encoded).prepare().url or ""
    ) == unquote_to_bytes(encoded)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b 漢.img", "http://h/b%20%E6%BC%A2.img"),
        ("/b\xc3\xbc.img", "http://h/b%C3%BC.img"),
        ("/b\xfc.img", "http://h/b%FC.img"),
        ("b.img?x=%20", "http://h/d/b.img?x=%20"),
        ("?y=1", "http://h/d/a?y=1"),
        ("//other/x", "http://other/x"),
        ("\\\\other\\x", "http://other/x"),
        ("HTTPS://b\xc3\xbccher.example/", "https://xn--bcher-kva.example/"),
        ("https://h/x?", "https://h/x?"),
        ("../../e", "http://h/e"),
    ],
)
def test_a_redirect_is_encoded_in_the_same_way(location: str, target: str) -> None:
    assert follow("http://h/d/a?x=0", location) == target


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "gopher://h/", "//[::1", "http://h:x/"]
)
def test_a_redirect_to_no_web_address_is_refused(location: str) -> None:
    with pytest.raises(Refusal):
        follow("http://h/a", location)


def test_a_redirect_does_not_leave_https() -> None:
    with pytest.raises(Refusal, match="from https to http://h/b; refused"):
        follow("https://h/a", "http://me:sesame@h/b")


@given(st.text(st.characters(max_codepoint=255)))
def test_any_redirect_is_followed_or_refused(location: str) -> None:
    try:
        target = follow("http://h/d/a", location)
    except Refusal:
        return
    assert scheme_of(target) in {"http", "https"}
    assert encode_url(target) == target


def test_parts_are_where_browsers_see_them() -> None:
    assert is_web_address("HTTPS://h")
    assert not is_web_address("http:h")
    assert not is_web_address("aHR0cDovL2g=")
    assert scheme_of("OCI://x") == "oci"
    assert scheme_of("/a/b:c") == ""
    assert file_name_of("http://h/a/b%20c.img?x/y") == "b c.img"
    assert file_name_of("http://h/a/") == ""
    assert shown_url("https://me:pw@h:8/a b?sig=x#y") == "https://h:8/a b?***"
    assert shown_url("/srv/x") == "/srv/x"
