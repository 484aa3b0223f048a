"""Secrets in documents: by their names, as settings, as files; and the look that spares most documents the masking."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.masking import masked, masked_text, may_hold_secrets
from agent.protocol.secret_names import MASK, is_secret
from controller.errors import Invalid
from controller.store.secrets import unmasked
from tests.unit.agent.protocol.secret_words import (
    PUBLIC,
    SECRET,
    SECRET_KEYS,
    SIGNED,
    keys,
    words,
)


@given(keys)
def test_every_way_to_write_the_name_of_a_secret_masks_it(key: str) -> None:
    stored = {key: SECRET, "list": [{key: SECRET}]}
    shown = masked(stored)
    assert shown == {key: MASK, "list": [{key: MASK}]}
    assert unmasked(shown, stored, "driver_info") == stored


@pytest.mark.parametrize(
    "key",
    [
        "public_key",
        "ssh_public_key",
        "sshkey",
        "authorized_keys",
        "keyboard",
        "signal",
        "signature",
        "package",
        "agent_verify_ca",
        "sas_address",
    ],
)
def test_what_is_no_secret_is_shown(key: str) -> None:
    assert not is_secret(key)


def test_what_a_file_for_the_system_holds_is_not_shown() -> None:
    file = {"path": "/etc/ssh/host_key", "content": "Z2VoZWlt", "mode": 384}
    shown = masked({"files": [file], "inject_files": [file]})
    hidden = {**file, "content": MASK}
    assert shown == {"files": [hidden], "inject_files": [hidden]}
    fetched = {"path": "/a", "content": f"https://user:{SECRET}@web/{{node[uuid]}}"}
    assert masked(fetched)["content"] == f"https://user:{MASK}@web/{{node[uuid]}}"
    assert masked({"content": "text"}) == {"content": "text"}


_ODD = st.text(alphabet="ab-pPuUkKy@%:= \"'\\._é", max_size=20)
_NAMES = st.one_of(
    keys, words, _ODD, st.sampled_from((*SIGNED, *PUBLIC, "content", "path", "name", "value"))
)
_TEXTS = st.one_of(
    words,
    _ODD,
    st.builds("{}={}".format, _NAMES, words),
    st.builds("http://a/b?{}={}".format, _NAMES, words),
    st.builds("--{} {}".format, _NAMES, words),
    st.builds("{{'{}': '{}'}}".format, _NAMES, words),
    st.builds("ipmitool {} {}".format, _ODD, words),
    st.builds(
        "http://a/boot/media/{}/{}/boot.iso".format, words, st.sampled_from(("ab12", "AB", "x"))
    ),
    st.sampled_from((*SECRET_KEYS, "AdminPassword", "HddPwd1")),
)
_DOCUMENTS = st.dictionaries(
    _NAMES,
    st.recursive(
        st.one_of(_TEXTS, st.none(), st.booleans(), st.integers()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


@pytest.mark.parametrize("name", ["AdminPassword", "UserPwd", "ipmi_kg", *SECRET_KEYS])
def test_a_setting_with_the_name_of_a_secret_hides_its_value(name: str) -> None:
    open_ones = [{"name": "BootMode", "value": "Uefi"}, {"name": name, "value": ""}, {"value": 1}]
    settings = [{"name": name, "value": SECRET}, {"name": name, "value": {"a": SECRET}}, *open_ones]
    hidden = {"name": name, "value": MASK}
    shown = masked({"settings": settings})
    assert shown == {"settings": [hidden, hidden, *open_ones]}
    assert unmasked(shown, {"settings": settings}, "args") == {"settings": settings}
    for changed in ({**hidden, "more": 1}, {"name": "Other", "value": MASK}):
        with pytest.raises(Invalid, match="value has"):
            unmasked({"settings": [changed]}, {"settings": settings[:1]}, "args")


@pytest.mark.parametrize(
    "text",
    [
        "body: {'Image': 'http://192.0.2.1:6385/boot/media/{uuid}/{key}/boot.iso'}",
        "GET /boot/media/{uuid}/{key}/settings.iso",
        "HTTP://HOST/BOOT/MEDIA/{uuid}/{key}/BOOT.ISO refused",
        "{key} is no secret, /Boot/Media/{uuid}/{key} is",
    ],
)
@pytest.mark.parametrize("is_upper", [False, True])
def test_the_key_of_a_boot_medium_is_hidden_in_every_text(text: str, is_upper: bool) -> None:
    key = "0123456789abcdef" * 4
    key = key.upper() if is_upper else key
    whole = text.replace("{uuid}", "6d6f5a7e-5b0c-4c1c-9d55-0a3f6c1b7e21").replace("{key}", key)
    before, _, after = whole.rpartition(key)
    assert masked_text(whole) == f"{before}{MASK}{after}"
    assert may_hold_secrets(json.dumps({"a": whole}))


@given(_DOCUMENTS)
def test_a_document_without_a_sign_of_secrets_is_shown_as_it_is(
    document: dict[str, object],
) -> None:
    for text in (json.dumps(document), msgspec.json.encode(document).decode()):
        assert may_hold_secrets(text) or masked(document) == document


def test_usual_documents_have_no_sign_of_secrets() -> None:
    image = {
        "image_source": "http://127.0.0.1:9/images/debian-12.qcow2",
        "image_disk_format": "qcow2",
    }
    assert not may_hold_secrets(json.dumps(image))
