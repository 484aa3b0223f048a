import struct
from collections.abc import Sequence

import pytest

from agent.errors import LookupFailed, SettingError
from agent.lifecycle.discovery import with_found_addresses
from agent.protocol.dns_message import AAAA, SRV, TXT, A
from agent.settings import Settings
from tests.unit.agent.protocol.test_dns_message import encoded, message, record


class Responder:
    """Answers questions for one service."""

    def __init__(
        self, kind: str, *, texts: Sequence[str] = (), port: int = 6385, host: str = "h.local"
    ) -> None:
        self.name = f"{kind}._openstack._tcp.local"
        self.host = host
        self.texts = texts
        self.port = port
        self.asked = 0
        self.deaf_for = 0
        self.addresses = [record(encoded(host), A, bytes([192, 0, 2, 7]))]

    def __call__(self, question: bytes, wait_s: float) -> Sequence[bytes]:
        self.asked += 1
        if self.asked <= self.deaf_for or encoded(self.name) not in question:
            is_address = encoded(self.host) in question
            return [message(*self.addresses)] if is_address else []
        text = b"".join(bytes([len(t)]) + t.encode() for t in self.texts)
        service = struct.pack("!HHH", 0, 0, self.port) + encoded(self.host)
        return [
            message(record(encoded(self.name), SRV, service), record(encoded(self.name), TXT, text))
        ]


def settings(cmdline: str) -> Settings:
    return Settings.from_sources(cmdline, None, {})


def test_addresses_are_not_asked_for() -> None:
    def nobody(_message: bytes, _wait_s: float) -> Sequence[bytes]:
        raise AssertionError

    given = settings("ipa-api-url=http://a")
    assert with_found_addresses(given, nobody) is given


def test_the_controller_is_found_by_its_service() -> None:
    responder = Responder("baremetal", texts=("protocol=http", "path=/baremetal"))
    found = with_found_addresses(settings("ipa-api-url=mdns"), responder)
    assert found.api_urls == ("http://192.0.2.7:6385/baremetal",)


def test_answers_that_name_nobody_hide_nobody() -> None:
    """They come first, at every question; what fits is listened for until the time is over."""
    responder = Responder("baremetal", texts=("protocol=http",))
    useless = (b"nonsense", message(record(encoded("printer.local"), A, bytes([192, 0, 2, 1]))))

    def ask(question: bytes, wait_s: float) -> Sequence[bytes]:
        return [*useless, *responder(question, wait_s)]

    found = with_found_addresses(settings("ipa-api-url=mdns"), ask)
    assert found.api_urls == ("http://192.0.2.7:6385",)
    assert responder.asked == 2


def test_a_server_that_cannot_be_called_is_not_kept() -> None:
    """The next answer counts: of two that name themselves, only one has an address."""
    dead = Responder("baremetal", host="dead.local")
    dead.addresses = []
    living = Responder("baremetal", texts=("protocol=http",))
    turns = iter((dead, dead, living, living))

    def ask(question: bytes, wait_s: float) -> Sequence[bytes]:
        return next(turns)(question, wait_s)

    found = with_found_addresses(settings("ipa-api-url=mdns"), ask)
    assert found.api_urls == ("http://192.0.2.7:6385",)


def test_what_the_announcement_sets_counts_where_nobody_else_did() -> None:
    texts = (
        "protocol=http",
        "ipa_inspection_callback_url=http://i/v1/x",
        "ipa_ntp_server=192.0.2.9",
        "ipa_insecure=1",
    )
    responder = Responder("baremetal", texts=texts)
    found = with_found_addresses(settings("ipa-api-url=mdns ipa-ntp-server=mine"), responder)
    assert found.inspection_callback_urls == ("http://i/v1/x",)
    assert found.ntp_servers == "mine"
    assert not found.insecure


def test_an_announced_value_that_cannot_be_used_is_refused() -> None:
    responder = Responder("baremetal", texts=("ipa_inspection_callback_url=gopher://i",))
    with pytest.raises(SettingError, match="gopher"):
        with_found_addresses(settings("ipa-api-url=mdns"), responder)


def test_an_inspection_goes_to_its_own_service_or_to_the_controller() -> None:
    cmdline = "ipa-api-url=http://a ipa-inspection-callback-url=mdns"
    own = Responder("baremetal-introspection", texts=("protocol=https", "path=/v1/continue"))
    found = with_found_addresses(settings(cmdline), own)
    assert found.inspection_callback_urls == ("https://192.0.2.7:6385/v1/continue",)
    other = Responder("something-else")
    found = with_found_addresses(settings(cmdline), other)
    assert found.inspection_callback_urls == ("http://a/v1/continue_inspection",)


def test_it_is_asked_again_and_in_the_end_said_that_nobody_answered() -> None:
    responder = Responder("baremetal", texts=("protocol=http",))
    responder.deaf_for = 2
    assert with_found_addresses(settings("ipa-api-url=mdns"), responder).api_urls
    with pytest.raises(LookupFailed, match="after 3 questions"):
        with_found_addresses(settings("ipa-api-url=mdns"), Responder("other"))


def test_ipv6_is_put_into_brackets_and_link_local_addresses_do_not_count() -> None:
    responder = Responder("baremetal", port=80)
    host = encoded("h.local")
    responder.addresses = [
        record(host, AAAA, bytes.fromhex("fe80" + "0" * 27 + "1")),
        record(host, AAAA, bytes.fromhex("20010db8" + "0" * 23 + "7")),
    ]
    found = with_found_addresses(settings("ipa-api-url=mdns"), responder)
    assert found.api_urls == ("http://[2001:db8::7]:80",)


def test_https_keeps_the_name_that_the_certificate_has() -> None:
    responder = Responder("baremetal", host="ironic.example.org")
    found = with_found_addresses(settings("ipa-api-url=mdns"), responder)
    assert found.api_urls == ("https://ironic.example.org:6385",)
