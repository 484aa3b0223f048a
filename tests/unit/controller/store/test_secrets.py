from typing import Any

import pytest

from agent.protocol.masking import masked
from agent.protocol.secret_names import MASK
from controller.errors import Invalid
from controller.store.secrets import unmasked


def test_secrets_of_every_level_are_masked_and_the_rest_stays() -> None:
    shown = masked(
        {
            "ipmi_password": "geheim",
            "ipmi_username": "admin",
            "agent_secret_token": "t",
            "nested": {"list": [{"auth_token": "x", "port": 623}]},
            "ipmi_hex_kg_key": "00",
        }
    )
    assert shown == {
        "ipmi_password": MASK,
        "ipmi_username": "admin",
        "agent_secret_token": MASK,
        "nested": {"list": [{"auth_token": MASK, "port": 623}]},
        "ipmi_hex_kg_key": MASK,
    }


def test_a_password_inside_of_a_url_is_masked() -> None:
    shown = masked({"image_http_proxy": "http://user:geheim@proxy:3128/"})
    assert shown == {"image_http_proxy": f"http://user:{MASK}@proxy:3128/"}


def test_an_empty_password_and_a_flag_are_shown_as_they_are() -> None:
    document = {"ipmi_password": "", "agent_token_required": True, "x_password": None}
    assert masked(document) == document


def test_numbers_are_masked_too() -> None:
    assert masked({"ipmi_password": 1234}) == {"ipmi_password": MASK}


def test_what_was_shown_masked_comes_back_as_what_is_stored() -> None:
    stored = {
        "ipmi_password": "geheim",
        "proxy": "http://u:p@h/",
        "more": {"api_key": "k", "n": 1},
    }
    assert unmasked(masked(stored), stored, "driver_info") == stored


def test_a_new_secret_replaces_the_stored_one() -> None:
    changed = unmasked({"ipmi_password": "new"}, {"ipmi_password": "old"}, "driver_info")
    assert changed == {"ipmi_password": "new"}


def test_the_mask_without_a_stored_secret_is_refused() -> None:
    with pytest.raises(Invalid, match="driver_info/ipmi_password has"):
        unmasked({"ipmi_password": MASK}, {}, "driver_info")


@pytest.mark.parametrize(
    "key",
    [
        "passphrase",
        "pwd",
        "rootpwd",
        "Authorization",
        "image_request_authorization",
        "cookie",
        "ssh private key",
        "ssh_private_key",
        "X-Api-Key",
        "access_key",
        "snmp_priv_key",
    ],
)
def test_a_key_that_sounds_like_a_secret_is_masked(key: str) -> None:
    assert masked({key: "geheim"}) == {key: MASK}


@pytest.mark.parametrize("key", ["ipmi_username", "sshkey", "authorized_keys", "capabilities"])
def test_a_key_that_does_not_is_shown(key: str) -> None:
    assert masked({key: "x"}) == {key: "x"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nofb rootpwd=geheim quiet", f"nofb rootpwd={MASK} quiet"),
        ('rootpwd="ge heim" ipa-debug=1', f"rootpwd={MASK} ipa-debug=1"),
        ("ipa-agent-token=geheim", f"ipa-agent-token={MASK}"),
        ("https://geheim@host/x", f"https://{MASK}@host/x"),
        ("http://u:ge@heim@host/x", f"http://u:{MASK}@host/x"),
        ("http://host/x?token=geheim&part=2", f"http://host/x?token={MASK}&part=2"),
        ("http://host/x?to=me@there", "http://host/x?to=me@there"),
        ("ssh://root@host", "ssh://root@host"),
        ("console=ttyS0 root=/dev/sda", "console=ttyS0 root=/dev/sda"),
    ],
)
def test_secrets_inside_of_texts_are_masked(text: str, shown: str) -> None:
    document = {"kernel_append_params": text, "list": [text]}
    assert masked(document) == {"kernel_append_params": shown, "list": [shown]}
    assert unmasked(masked(document), document, "driver_info") == document


def test_a_masked_secret_in_a_list_is_the_one_of_its_item() -> None:
    one, two = {"n": 1, "password": "eins"}, {"n": 2, "password": "zwei"}
    stored = {"list": [one, two]}
    shown_one, shown_two = masked(stored)["list"]
    for sent, meant in (
        ([shown_one, shown_two], [one, two]),
        ([shown_two, shown_one], [two, one]),
        ([shown_two], [two]),
        ([{"password": MASK}, two], [{"password": "eins"}, two]),
    ):
        assert unmasked({"list": sent}, stored, "driver_info") == {"list": meant}


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        ({"url": f"http://bob:{MASK}@h/y"}, "driver_info/url"),
        ({"url": f"https://{MASK}@h/"}, "driver_info/url"),
        ({"params": f"quiet rootpwd={MASK}"}, "driver_info/params"),
        ({"list": [{"n": 5, "password": MASK}]}, "driver_info/list/0/password"),
        ({"list": [1, 2, {"password": MASK}]}, "driver_info/list/2/password"),
        ({"credentials": {"user": MASK}}, "driver_info/credentials/user"),
        ({"credentials": [MASK]}, "driver_info/credentials/0"),
    ],
)
def test_the_mask_in_a_changed_value_is_refused(sent: Any, where: str) -> None:
    stored = {
        "url": "http://bob:geheim@h/x",
        "params": "rootpwd=geheim",
        "list": [{"n": 1, "password": "eins"}, {"n": 2, "password": "zwei"}],
        "credentials": {"user": "geheim"},
    }
    with pytest.raises(Invalid, match=f"{where} has"):
        unmasked(sent, stored, "driver_info")
