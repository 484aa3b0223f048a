import pytest

from agent.system.kernel_cmdline import mac_of_bootif, parse_kernel_cmdline, split_arguments


def test_quotes_keep_blanks_around_the_value_or_the_whole_argument() -> None:
    arguments = parse_kernel_cmdline('a="b c" "d=e f" sshkey="ssh-ed25519 AAAA= me" quiet\n')
    assert arguments == {"a": "b c", "d": "e f", "sshkey": "ssh-ed25519 AAAA= me", "quiet": None}


def test_of_an_argument_given_twice_the_last_counts() -> None:
    assert parse_kernel_cmdline("a=1 a=2") == {"a": "2"}
    assert split_arguments("console=tty0 console=ttyS0") == (
        ("console", "tty0"),
        ("console", "ttyS0"),
    )


def test_an_open_quote_reaches_to_the_end() -> None:
    assert parse_kernel_cmdline('a="b c') == {"a": "b c"}


@pytest.mark.parametrize(
    ("written", "mac"),
    [
        ("01-52-54-00-AB-00-10", "52:54:00:ab:00:10"),
        ("52:54:00:ab:00:10", "52:54:00:ab:00:10"),
        ("52-54-00-ab-00-10", "52:54:00:ab:00:10"),
        ("", None),
        ("eth0", None),
        ("01-52-54-00-AB-00-10-99", None),
        ("zz:54:00:ab:00:10", None),
    ],
)
def test_the_boot_interface_is_read_in_every_loaders_spelling(
    written: str, mac: str | None
) -> None:
    assert mac_of_bootif(written) == mac
