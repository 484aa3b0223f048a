"""Orders to install a bootable container: what is taken, and what is refused without showing a secret."""

import base64
from typing import Any

import pytest

from agent.protocol.bootc import read_order, secrets_of, unpack_secret
from agent.protocol.oci_reference import parse_login
from agent.protocol.refusal import Refusal

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org"
DIGEST = f"sha256:{'7e' * 32}"


@pytest.mark.parametrize(
    ("source", "name", "wanted"),
    [
        ("oci://registry.example.org/os/debian:12", "registry.example.org/os/debian:12", "12"),
        ("docker://docker.io/os/debian", "docker.io/os/debian:latest", "latest"),
        (f"oci://[2001:db8::1]:5000/os@{DIGEST}", "[2001:db8::1]:5000/os:latest", DIGEST),
        (f"oci://registry/os:12@{DIGEST}", "registry/os:12", DIGEST),
    ],
)
def test_images_are_named_as_people_write_them(source: str, name: str, wanted: str) -> None:
    order = read_order(source, {})
    assert (order.source, order.name, order.reference.wanted) == (source, name, wanted)
    assert order.pinned(DIGEST) == f"{name.rpartition(':')[0]}@{DIGEST}"


@pytest.mark.parametrize(
    "source",
    [
        None,
        3,
        "",
        "https://web/os.qcow2",
        "registry/os:12",
        "oci://",
        "oci://registry/OS",
        "oci://registry/os?x=1",
    ],
)
def test_what_is_no_image_in_a_registry_is_refused(source: Any) -> None:
    with pytest.raises(Refusal) as caught:
        read_order(source, {})
    assert caught.value.field == "image_source"


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    for source in ("oci://tux:sesame@registry/os", "http://tux:sesame@registry/os"):
        with pytest.raises(Refusal) as caught:
            read_order(source, {})
        assert "sesame" not in str(caught.value)


def test_the_secret_comes_as_ironic_packs_it_and_is_nowhere_shown() -> None:
    docker = base64.b64encode(b"tux:open sesame").decode()
    for text in (docker, "tux:open sesame"):
        packed = base64.b64encode(text.encode()).decode()
        order = read_order("oci://registry/os", {}, secret=unpack_secret(packed))
        assert order.login == ("tux", "open sesame")
        assert order.login is not None
        assert order.login.packed == docker
        assert "sesame" not in repr(order)
        told = f"denied: {docker}, open sesame, tux:open sesame"
        assert secrets_of(order).text(told) == "denied: ******, ******, ******"
    assert unpack_secret(None) is None
    assert read_order("oci://registry/os", {}).login is None


@pytest.mark.parametrize("packed", ["not base64", "/w==", 3])
def test_a_secret_that_is_no_base64_of_a_text_is_refused_unseen(packed: Any) -> None:
    with pytest.raises(Refusal, match="no base64 of a text") as caught:
        unpack_secret(packed)
    assert str(packed) not in str(caught.value)


@pytest.mark.parametrize("secret", ["sesame", ":sesame", base64.b64encode(b"sesame").decode()])
def test_a_login_without_a_user_is_refused_unseen(secret: str) -> None:
    with pytest.raises(Refusal, match="neither user:password") as caught:
        parse_login(secret)
    assert secret not in str(caught.value)


def test_public_keys_are_taken_line_by_line() -> None:
    text = f'# admins\r\n{KEY}\n\nrestrict,command="id" {KEY}'
    order = read_order("oci://registry/os", {"bootc_authorized_keys": text})
    assert order.authorized_keys == f'# admins\n{KEY}\n\nrestrict,command="id" {KEY}\n'
    assert read_order("oci://registry/os", {"bootc_authorized_keys": ""}).authorized_keys is None


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VzYW1l", "private key"),
        (f"{KEY}\nsesame", "line 2 is no public key"),
        (f"{KEY}\x1b[2J", "line 1"),
        ([KEY], "no text"),
        (f"{KEY}\n" * 2000, "at most 65536"),
    ],
)
def test_what_is_no_public_key_is_refused_unseen(value: Any, complaint: str) -> None:
    with pytest.raises(Refusal, match=complaint) as caught:
        read_order("oci://registry/os", {"bootc_authorized_keys": value})
    assert caught.value.field == "bootc_authorized_keys"
    assert "sesame" not in str(caught.value)
    assert "c2VzYW1l" not in str(caught.value)


def test_encryption_is_asked_for_in_any_word_for_yes() -> None:
    assert read_order("oci://registry/os", {"bootc_tpm2_luks": "True"}).has_tpm2_luks
    assert not read_order("oci://registry/os", {"bootc_tpm2_luks": None}).has_tpm2_luks
    with pytest.raises(Refusal, match="neither true nor false"):
        read_order("oci://registry/os", {"bootc_tpm2_luks": "perhaps"})


def test_a_config_drive_is_text() -> None:
    with pytest.raises(Refusal, match="no text"):
        read_order("oci://registry/os", {}, configdrive={"meta_data": {}})
