import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.workflow.senders import NO_URL, asker_problem, callback_problem, lease_problem

LEASES = {"192.0.2.9": "52:54:00:00:00:01"}


def test_only_an_address_that_was_leased_speaks_where_leases_are_known() -> None:
    assert lease_problem("192.0.2.9", LEASES, "lease") is None
    assert "DHCP gave 192.0.2.9 to 52:54" in str(lease_problem("192.0.2.66", LEASES, "lease"))
    assert lease_problem("2001:db8::1", LEASES, "lease")
    assert lease_problem("192.0.2.66", {}, "lease") is None
    assert lease_problem("192.0.2.66", LEASES, "callback") is None
    assert lease_problem("192.0.2.66", LEASES, "off") is None


def test_a_result_without_a_token_comes_from_who_asked_for_the_ramdisk() -> None:
    assert asker_problem("192.0.2.9", "192.0.2.9", "callback") is None
    assert asker_problem("192.0.2.66", "192.0.2.9", "callback")
    assert asker_problem("192.0.2.66", "192.0.2.9", "off") is None
    assert asker_problem("192.0.2.66", None, "lease") is None


@pytest.mark.parametrize(
    ("url", "sender", "is_taken"),
    [
        ("https://192.0.2.9:9999", "192.0.2.9", True),
        ("https://[::ffff:192.0.2.9]:9999", "192.0.2.9", True),
        ("https://[2001:DB8:0::1]", "2001:db8::1", True),
        ("https://[fe80::1%25eth0]:9999", "fe80::1", True),
        ("https://192.0.2.66:9999", "192.0.2.9", False),
        ("https://localhost:9999", "127.0.0.1", False),
        ("https://192.0.2.9@192.0.2.66", "192.0.2.9", False),
        ("https://0xc0000209", "192.0.2.9", False),
    ],
)
def test_an_agent_is_called_at_the_address_it_sends_from(
    url: str, sender: str, is_taken: bool
) -> None:
    assert (callback_problem(url, sender, "callback") is None) is is_taken
    assert callback_problem(url, sender, "off") is None


@pytest.mark.parametrize(
    "url", ["ftp://h", "https://", "http://[::1", "https://h:x", "https://h:0"]
)
def test_what_is_no_url_is_never_called(url: str) -> None:
    assert callback_problem(url, "192.0.2.9", "off") == NO_URL


@given(st.text(max_size=60))
def test_any_text_is_a_problem_or_an_address(text: str) -> None:
    assert callback_problem(text, "192.0.2.9", "lease") is not None or "192.0.2.9" in text
