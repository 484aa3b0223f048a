"""Secrets in texts: addresses, command lines, kernel arguments, printed documents."""

import json
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.protocol.masking import masked, masked_text
from agent.protocol.secret_names import MASK
from controller.errors import Invalid
from controller.store.secrets import unmasked
from tests.unit.agent.protocol.secret_words import (
    PUBLIC,
    SECRET,
    SIGNED,
    keys,
    words,
)


@given(st.lists(st.tuples(st.sampled_from(SIGNED + PUBLIC), st.booleans()), max_size=6), words)
def test_signed_addresses_lose_what_signs_them_and_keep_the_rest(
    parts: list[tuple[str, bool]], path: str
) -> None:
    query, shown_query = [], []
    for name, is_encoded in parts:
        written = quote(name, safe="").replace("-", "%2D") if is_encoded else name
        value = f"{SECRET}%3D" if name in SIGNED else "2026"
        query.append(f"{written}={value}")
        shown_query.append(f"{written}={MASK if name in SIGNED else value}")
    begin = f"https://bucket.example/{path}"
    text = f'"GET {begin}?{"&".join(query)} HTTP/1.1" 200'
    assert masked_text(text) == f'"GET {begin}?{"&".join(shown_query)} HTTP/1.1" 200'
    stored = {"image_source": f"{begin}?{'&'.join(query)}"}
    assert unmasked(masked(stored), stored, "instance_info") == stored


@given(keys.filter(lambda key: " " not in key), words, words)
def test_secret_kernel_arguments_are_masked_among_others(key: str, first: str, last: str) -> None:
    for value in (SECRET, f'"{SECRET} with blanks"'):
        text = f"console={first} {key}={value} root={last}"
        assert masked_text(text) == f"console={first} {key}={MASK} root={last}"


@given(keys.filter(lambda key: " " not in key), words)
def test_secret_options_are_masked_in_command_lines(key: str, last: str) -> None:
    for value in (SECRET, f"'{SECRET} with blanks'"):
        shown = value.replace(value.strip("'"), MASK)
        assert masked_text(f"tool --{key} {value} {last}") == f"tool --{key} {shown} {last}"
        assert SECRET not in masked_text(f"tool --{key}=user:{SECRET} {last}")
        stored = {"command": f"tool --{key} {value} {last}"}
        assert unmasked(masked(stored), stored, "driver_info") == stored


def test_an_option_behind_one_without_a_value_is_shown() -> None:
    assert masked_text("tool --no-password --verbose x") == "tool --no-password --verbose x"
    assert masked_text("hdparm --Istdout /dev/sda") == "hdparm --Istdout /dev/sda"


OPTIONS = st.sampled_from(("-P", "-p", "--password", "-passwd", "--agent-token", "-storepass"))
PASSWORDS = st.text(alphabet="abcXYZ019$%&/()=?!.:,;@#", min_size=8, max_size=16).filter(
    lambda text: not text.startswith(("/dev/", "/etc/")) and text.strip("*")
)
"""Long enough not to be a part of the other words by chance."""


@given(OPTIONS, PASSWORDS, words, st.booleans())
def test_the_word_behind_the_option_of_a_password_is_hidden_in_lists_and_in_texts(
    option: str, secret: str, last: str, has_user: bool
) -> None:
    assume(secret not in last)
    line = [
        "ipmitool",
        "-I",
        "lanplus",
        *(["-u", "root"] if has_user else []),
        option,
        secret,
        last,
    ]
    shown = [MASK if word == secret else word for word in line]
    assert masked({"command": line}) == {"command": shown}
    assert masked_text(" ".join(line)) == " ".join(shown)
    for printed in (repr(line), json.dumps(line), f"Command '{line!r}' returned 1"):
        assert secret not in masked_text(printed)
        assert repr(last)[1:-1] in masked_text(printed)
    stored = {"command": line, "text": " ".join(line)}
    assert unmasked(masked(stored), stored, "driver_info") == stored
    with pytest.raises(Invalid, match="only stands for the stored secret"):
        unmasked({"command": ["evil", *shown[1:]]}, stored, "driver_info")


@given(st.sampled_from(("-P", "-p", "-P=", "-p=", "--password=", "--token=")), PASSWORDS, words)
def test_a_password_in_one_word_with_its_option_is_hidden(
    option: str, secret: str, last: str
) -> None:
    assume(secret.lstrip("=") not in last)
    line = ["mysql", "-v", f"{option}{secret.lstrip('=')}", last]
    for shown in (
        masked_text(" ".join(line)),
        masked_text(repr(line)),
        masked_text(json.dumps(line)),
        repr(masked({"command": line})),
    ):
        assert secret.lstrip("=") not in shown
        assert last in shown


@given(st.sampled_from(("-u", "-U", "--user", "--proxy-user")), PASSWORDS)
def test_a_password_behind_a_user_name_is_hidden(option: str, secret: str) -> None:
    for word in (f"root:{secret}", f"DOMAIN\\root%{secret}"):
        if secret.startswith("//"):
            continue
        line = ["curl", option, word]
        assert secret not in masked({"command": line})["command"][2]
        assert secret not in masked_text(" ".join(line))
        assert "root" in masked_text(" ".join(line))


def test_keys_of_bmcs_are_hidden_and_what_else_stands_behind_k_is_not() -> None:
    assert masked_text("ipmitool -k geheim -y 00ff x") == f"ipmitool -k {MASK} -y {MASK} x"
    assert masked({"x": ["ipmitool", "-y", 12345]}) == {"x": ["ipmitool", "-y", MASK]}
    assert masked_text("curl -k https://host") == "curl -k https://host"


@pytest.mark.parametrize(
    "text",
    [
        "e2fsck -f -p /dev/sda1: exit status 4",
        "mkdir -p /mnt/x",
        "find /x -print -path y",
        "ssh -v -l root host",
        "sgdisk -u 1:6c5b2f1e",
        "curl -u http://host/x",
        "a-p b-P c",
        "tool -P",
        "tool -p -v",
    ],
)
def test_what_only_looks_like_the_option_of_a_password_is_shown(text: str) -> None:
    assert masked_text(text) == text
    assert masked({"line": text.split(" ")}) == {"line": text.split(" ")}


@given(keys, words)
def test_secrets_of_printed_documents_are_masked(key: str, other: str) -> None:
    for text in (f"{ {other: 1, key: SECRET}!r}", f'{{"{other}": 1, "{key}": "{SECRET}"}}'):
        assert SECRET not in masked_text(f"cannot take {text}")
        assert other in masked_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic geheim4711",
        "-----BEGIN OPENSSH PRIVATE KEY-----\ngeheim4711\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ngeheim4711",
        "https://user:geheim4711@host/x",
        "HTTPS://geheim4711@host/x",
        "git+ssh://user:geheim4711@host/x",
    ],
)
def test_other_places_of_secrets_are_masked(text: str) -> None:
    assert SECRET not in masked_text(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a://",
        'a="',
        "'a':\"",
        "?a=",
        "@",
        "-----BEGIN PRIVATE KEY-----",
        "a.",
        "' \"\\",
        "--token ",
        "--",
        "-P ",
        "-p",
        "'-P','",
        '"-p=',
        "-u a:",
        "'a=\\",
    ],
)
@pytest.mark.timeout(60)
def test_a_long_text_made_to_be_slow_takes_moments(piece: str) -> None:
    masked_text(f"authorization: {piece * 100_000}@='\":")  # hours, if it grew with the square
