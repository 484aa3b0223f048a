"""A request takes the proxy that the operator meant, or none."""

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.proxies import Proxy, proxy_for

PROXIES = {"http": "http://p:3128", "https": "http://p:3128"}


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_exempt"),
    [
        ("http://10.1.2.3/i", "10.0.0.0/8", True),
        ("http://11.1.2.3/i", "10.0.0.0/8", False),
        ("http://10.1.2.3/i", "10.1.2.3", True),
        ("http://10.1.2.3/i", " 192.0.2.1 , 10.1.2.3 ", True),
        ("http://10.1.2.3:8080/i", "10.1.2.3:8080", True),
        ("http://10.1.2.3:8080/i", "10.1.2.3:80", False),
        ("http://10.1.2.3/i", "10.1.2.3:80", True),
        ("https://images.site/i", "images.site:443", True),
        ("http://images.site:8080/i", "images.site:8080", True),
        ("http://images.site:8080/i", "images.site:81", False),
        ("http://a.images.site/i", ".images.site", True),
        ("http://a.images.site/i", "images.site", True),
        ("http://notimages.site/i", "images.site", False),
        ("http://[fd00::5]/i", "fd00::/8", True),
        ("http://[fd00::5]/i", "[fd00::5]", True),
        ("http://[fd00::5]:81/i", "[fd00::5]:81", True),
        ("http://[fd00::5]:81/i", "[fd00::5]:82", False),
        ("http://[2001:db8::5]/i", "fd00::/8", False),
        ("http://images.site/i", "*", True),
        ("http://images.site/i", "", False),
        ("http://images.site/i", ",", False),
        ("http://localhost/i", "localhost", True),
    ],
)
def test_what_no_proxy_names_is_asked_directly(url: str, no_proxy: str, is_exempt: bool) -> None:
    assert (proxy_for(url, PROXIES, no_proxy) is None) is is_exempt


def test_the_environment_of_the_ramdisk_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("http_proxy", "http://other:1")
    assert proxy_for("http://h/i", PROXIES, "") is not None
    assert proxy_for("http://h/i", {}, "") is None


@pytest.mark.parametrize(
    ("given", "proxy"),
    [
        ("p:3128", Proxy(scheme="http", host="p", port=3128)),
        ("p", Proxy(scheme="http", host="p", port=80)),
        ("//p:3128", Proxy(scheme="http", host="p", port=3128)),
        ("u:s%40x@p:1", Proxy(scheme="http", host="p", port=1, user="u", password="s@x")),
        ("https://p", Proxy(scheme="https", host="p", port=443)),
        ("HTTPS://p:8443/", Proxy(scheme="https", host="p", port=8443)),
        ("[::1]:3128", Proxy(scheme="http", host="::1", port=3128)),
    ],
)
def test_a_proxy_is_given_in_any_form(given: str, proxy: Proxy) -> None:
    assert proxy_for("https://h/i", {"https": given}, "") == proxy
    assert proxy_for("https://h/i", {"all": given}, "") == proxy
    assert "s@x" not in repr(proxy)


@pytest.mark.parametrize(
    "given", ["socks5://u:sesame@p:1080", "http://u:sesame@p:99999", "ftp://p"]
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(given: str) -> None:
    with pytest.raises(ImageDownloadError, match="prox") as refused:
        proxy_for("http://h/i", {"http": given}, "")
    assert "sesame" not in str(refused.value)
