"""A checksum file is fetched and read as the agent reads it, before a machine is powered on for the image."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from agent.protocol.image import ImageInfo
from controller.errors import Invalid
from controller.images.source import check_servers
from tests.integration.scripted_server import Asked, ScriptedServer, head, scripted_server

SHA256, MD5 = "ab" * 32, "cd" * 16


def serving(sums: str | bytes, status: str = "200 OK") -> AbstractContextManager[ScriptedServer]:
    body = sums.encode() if isinstance(sums, str) else sums

    def script(asked: Asked) -> Iterator[bytes]:
        if asked.text.startswith("HEAD"):
            yield head("200 OK", Content_Length=0)
        else:
            yield head(status, Content_Length=len(body)) + body

    return scripted_server(script)


def ask(server: ScriptedServer, algorithm: str | None = None) -> tuple[str, ...]:
    sums = f"{server.url}/SUMS"
    image = ImageInfo(
        id="i",
        urls=[f"{server.url}/my%20disk.raw"],
        checksum=None if algorithm else sums,
        os_hash_algo=algorithm,
        os_hash_value=sums if algorithm else None,
    )
    return check_servers(image, allow_md5=False, timeout_s=30)


@pytest.mark.parametrize(
    "sums", [SHA256, f"{SHA256}  my disk.raw\n", f"SHA256 (my disk.raw) = {SHA256}\n"]
)
def test_a_file_that_lists_the_image_is_accepted(sums: str) -> None:
    with serving(sums) as server:
        assert ask(server) == ask(server, "sha256") == ()
        assert [asked.text.split(" ")[0] for asked in server.asked] == ["HEAD", "GET"] * 2


@pytest.mark.parametrize(
    ("sums", "algorithm", "words"),
    [
        (
            f"{SHA256}  other.raw\n{SHA256}  third.raw\n",
            None,
            "does not list my disk.raw; it lists other.raw",
        ),
        ("<html>welcome</html>\n<p>\n", None, "it lists nothing"),
        (f"{SHA256}  my disk.raw\n", "sha512", "with sha256 only; wanted is sha512"),
        (f"{MD5}  my disk.raw\n", None, "MD5 is not accepted"),
        (b"\xff\xfe\0", None, "it lists nothing"),
        ("x" * (2 << 20), None, "cannot be fetched"),
    ],
)
def test_a_file_that_does_not_help_is_refused(
    sums: str | bytes, algorithm: str | None, words: str
) -> None:
    key = "image_os_hash_value" if algorithm else "image_checksum"
    with serving(sums) as server, pytest.raises(Invalid, match=words) as caught:
        ask(server, algorithm)
    assert f"instance_info.{key}" in str(caught.value)


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_a_file_that_is_not_there_is_refused(status: str) -> None:
    with (
        serving("", status) as server,
        pytest.raises(Invalid, match=rf"checksum file .* answers {status}; correct instance_info"),
    ):
        ask(server)


@pytest.mark.parametrize("status", ["403 Forbidden", "500 Oops"])
def test_an_answer_that_says_nothing_about_the_machine_is_a_warning(status: str) -> None:
    with serving("", status) as server:
        (warning,) = ask(server)
    assert (
        f"/SUMS answers {status.split(maxsplit=1)[0]} to GET; the machine itself will try"
        in warning
    )
