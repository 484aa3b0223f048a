"""Signatures, verdicts and the webhook file."""

import base64
import ssl
from pathlib import Path

import pytest

from controller.api.keystone.transport import bounded_session
from controller.errors import SettingsError
from controller.notifications.document import fits
from controller.notifications.webhooks.signature import signed_headers
from controller.notifications.webhooks.targets import load_targets, secret_of
from controller.notifications.webhooks.verdict import (
    LONGEST_PAUSE_S,
    Tried,
    Verdict,
    pause_s,
    verdict,
)
from controller.peers.http import Answer, to_agent

SECRET = "whsec_" + base64.b64encode(b"long enough for it").decode()
HOOK = '[webhooks.a]\nurl = "https://x"\nsecret_file = "SECRET"\n'


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of Standard Webhooks are tested with."""
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(url="", status=status, reason="", headers=named)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_two_hundreds_are_taken(status: int) -> None:
    tried = Tried(tries=1, age_s=1e9)
    assert verdict(answer(status), tried, 1.0) is Verdict.TAKEN


@pytest.mark.parametrize("status", [None, 300, 401, 403, 404, 410, 429, 500, 503])
def test_what_may_pass_is_tried_until_it_is_too_old(status: int | None) -> None:
    found = None if status is None else answer(status)
    assert verdict(found, Tried(tries=500, age_s=9.0), 10.0) is Verdict.AGAIN
    assert verdict(found, Tried(tries=1, age_s=11.0), 10.0) is Verdict.GIVEN_UP


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_is_refused_for_good_is_tried_five_times(status: int) -> None:
    assert verdict(answer(status), Tried(tries=4, age_s=0.0), 10.0) is Verdict.AGAIN
    assert verdict(answer(status), Tried(tries=5, age_s=0.0), 10.0) is Verdict.GIVEN_UP


def test_pauses_grow_and_the_target_may_ask_for_longer_ones() -> None:
    pauses = [pause_s(None, tries) for tries in range(1, 30)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert pause_s(answer(503, Retry_After="30"), 1) == 30.0
    assert pause_s(answer(503, Retry_After="999999999"), 1) == LONGEST_PAUSE_S
    for nonsense in ("-1", "soon", "1e9", "٣"):
        assert pause_s(answer(503, Retry_After=nonsense), 1) == 1.0


def test_types_are_chosen_by_pattern() -> None:
    assert fits((), "baremetal.node.create.end")
    assert fits(("baremetal.node.power*", "x"), "baremetal.node.power_set.end")
    assert not fits(("baremetal.node.power*",), "baremetal.node.create.end")


def write(folder: Path, text: str, secret: str = SECRET) -> str:
    (folder / "secret").write_text(secret)
    path = folder / "hooks.toml"
    path.write_text(text.replace("SECRET", str(folder / "secret")))
    return str(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    text = (
        '[webhooks.a]\nurl = "https://u:p@x/"\nsecret_file = "SECRET"\nevents = ["b*.create.*"]\n'
    )
    (target,) = load_targets(write(tmp_path, text)).values()
    assert (target.name, target.types, target.secret) == (
        "a",
        ("b*.create.*",),
        b"long enough for it",
    )
    assert "long" not in repr(target)
    assert target.trusted_pem is None
    assert "u:p" not in repr(target)
    assert load_targets("") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[webhooks.a]\n", "url"),
        ('[webhooks.a]\nurl = "ftp://x"\nsecret_file = "SECRET"', "http or https"),
        ('[webhooks.a]\nurl = "http://[x"\nsecret_file = "SECRET"', "http or https"),
        ('[webhooks.a]\nurl = "http://x"\nsecret_file = "/nowhere"', "/nowhere cannot be read"),
        ('[webhooks.a]\nurl = "http://x"\nsecret_file = "SECRET"\ncolor = 1', "color"),
        ('[webhooks."a b"]\nurl = "http://x"\nsecret_file = "SECRET"', "no name"),
        (
            f'{HOOK}events = ["baremetal.node.*", "baremetal.nodes.*"]',
            "'baremetal.nodes.*' fits nothing",
        ),
        (f'{HOOK}events = [""]', "'' fits nothing"),
        (f'{HOOK}events = ["Baremetal.node.create.end"]', "baremetal.node.create.end, baremetal."),
        ("[hooks]", "hooks"),
        ("x = ", "Invalid value"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=r"webhook_file .*hooks\.toml: ") as caught:
        load_targets(write(tmp_path, text))
    assert words in str(caught.value)


def test_too_many_targets_are_refused(tmp_path: Path) -> None:
    text = "".join(
        f'[webhooks.a{number}]\nurl = "http://x"\nsecret_file = "SECRET"\n' for number in range(17)
    )
    with pytest.raises(SettingsError, match="17 targets"):
        load_targets(write(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        *("short", "whsec_" + base64.b64encode(b"short").decode(), "whsec_!", "whsec_"),
        # without the prefix: base64 to libraries of the standard, a text to others
        *(
            "a text that is long enough",
            SECRET.removeprefix("whsec_"),
            "WHSEC_" + SECRET.removeprefix("whsec_"),
        ),
    ],
)
def test_a_weak_or_broken_secret_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        secret_of(text)


@pytest.mark.parametrize(
    "content",
    [
        *("", " \n", "no certificate", "-----BEGIN CERTIFICATE-----\n"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        None,
    ],
)
def test_a_file_of_authorities_without_one_ends_the_start(
    tmp_path: Path, content: str | None
) -> None:
    """Else the authorities of the system would be trusted, or each call would fail."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=r"webhooks\.a: ca_file .*ca\.pem "):
        load_targets(write(tmp_path, f'{HOOK}ca_file = "{file}"\n'))
    with pytest.raises(SettingsError, match=r"keystone_cafile .*ca\.pem "):
        bounded_session(str(file))


def test_an_empty_name_of_a_file_of_authorities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"webhooks\.a: ca_file is empty"):
        load_targets(write(tmp_path, f'{HOOK}ca_file = ""\n'))


def test_no_door_takes_no_certificate_for_all_of_the_system() -> None:
    with pytest.raises(ssl.SSLError):
        to_agent("")
