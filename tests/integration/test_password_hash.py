"""Our password hashes beside those of OpenSSL."""

import random
import string
import subprocess

import pytest

from agent.protocol.password_hash import hash_password


@pytest.mark.parametrize(("algorithm", "option"), [("sha256", "-5"), ("sha512", "-6")])
def test_openssl_makes_the_same_hashes(algorithm: str, option: str) -> None:
    dice = random.Random(38)
    for letters in (1, 2, 15, 16, 31, 32, 33, 63, 64, 65, 100):
        password = "".join(dice.choice(string.printable[:95]) for _ in range(letters))
        salt = "".join(dice.choice(string.ascii_letters) for _ in range(dice.randint(1, 16)))
        argv = ["openssl", "passwd", option, "-salt", salt, "-stdin"]
        theirs = subprocess.run(
            argv, input=password, capture_output=True, text=True, check=True, timeout=60
        )
        assert hash_password(password, algorithm, salt) == theirs.stdout.strip()
