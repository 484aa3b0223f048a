from agent.system.kernel_cmdline import parse_kernel_cmdline, split_arguments


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
