import pytest

from controller.api.sender import sender_of


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "sender"),
    [
        ("192.0.2.9", None, "", "192.0.2.9"),
        ("::ffff:192.0.2.9", None, "", "192.0.2.9"),
        ("fe80::1%eth0", None, "", "fe80::1"),
        ("2001:DB8::0:1", None, "", "2001:db8::1"),
        ("192.0.2.9", "10.0.0.1", "", "192.0.2.9"),  # nobody is trusted
        ("192.0.2.9", "10.0.0.1", "192.0.2.0/24", "10.0.0.1"),
        (
            "127.0.0.1",
            "6.6.6.6, 10.0.0.1",
            "127.0.0.1",
            "10.0.0.1",
        ),  # the first is what the client wrote
        ("127.0.0.1", "10.0.0.1, 192.0.2.2", "127.0.0.1,192.0.2.0/24", "10.0.0.1"),
        ("127.0.0.1", "10.0.0.1:4711", "127.0.0.1", "10.0.0.1"),
        ("127.0.0.1", "[2001:db8::1]:4711", "127.0.0.1", "2001:db8::1"),
        ("127.0.0.1", "junk", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1, " * 999, "127.0.0.1", "127.0.0.1"),
        ("2001:db8::5", "10.0.0.1", "2001:db8::/32", "10.0.0.1"),
        (None, None, "", ""),
    ],
)
def test_a_sender_is_who_the_last_trusted_proxy_got_the_request_from(
    remote: str | None, forwarded: str | None, trusted: str, sender: str
) -> None:
    assert sender_of(remote, forwarded, trusted) == sender
