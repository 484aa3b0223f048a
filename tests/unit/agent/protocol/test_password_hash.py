"""Password hashes: what ``openssl passwd`` makes of the same password and salt, and what a hash looks like."""

import pytest

from agent.protocol.password_hash import hash_password, is_password, is_password_hash


@pytest.mark.parametrize(
    ("algorithm", "hashed"),
    [
        ("sha256", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        (
            "sha512",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
    ],
)
def test_a_hash_is_the_one_that_openssl_makes(algorithm: str, hashed: str) -> None:
    assert hash_password("Hello world!", algorithm, "saltstring") == hashed


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("letters", [1, 2, 31, 32, 33, 63, 64, 65, 1024])
def test_a_hash_of_any_password_is_one_and_never_the_same_twice(
    algorithm: str, letters: int
) -> None:
    one, other = (hash_password("ä" * letters, algorithm) for _ in range(2))
    assert is_password_hash(one)
    assert one != other
    assert hash_password("ä" * letters, algorithm, one.split("$")[2]) == one


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "$6$salt", "$6$salt$hash:0:0", "$6$a$b\n", "$6$a$b c", "$y$" + "a" * 600],
)
def test_what_could_break_the_file_of_passwords_is_no_hash(text: str) -> None:
    assert not is_password_hash(text)


def test_hashes_of_other_methods_are_taken() -> None:
    assert is_password_hash(
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
    )
    assert is_password_hash(
        "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM"
    )


@pytest.mark.parametrize("text", ["", "\x07", "a\tb", "\ud800", "x" * 1025])
def test_what_nobody_can_type_is_no_password(text: str) -> None:
    assert not is_password(text)
