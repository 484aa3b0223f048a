"""The checksum of an image is found by value or in the usual files, and never guessed."""

from typing import Any

import pytest

from agent.protocol.checksum import Checksum, choose_checksum, expected_checksum
from agent.protocol.image import ImageInfo
from agent.protocol.refusal import Refusal

SHA256, SHA512, MD5 = "a1" * 32, "b2" * 64, "c3" * 16

SIGNED = """-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

# disk.raw: 1234567890 bytes
SHA256 (disk.raw) = {}
# disk.raw.zst: 123 bytes
SHA256 (disk.raw.zst) = 0000000000000000000000000000000000000000000000000000000000000000
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCgAdFiEEmcqPWQsRzgPB94Y5qy2EB4dnlpYFAmXQZ1UACgkQqy2EB4dn
lpZ5RBAAsW8=
=Xt3z
-----END PGP SIGNATURE-----
"""


def choose(text: str = "", *, allow_md5: bool = False, **fields: Any) -> Checksum:
    image = ImageInfo(id="disk.raw", urls=["http://h/disk.raw"], **fields)
    return expected_checksum(image, "disk.raw", lambda _url: text.encode(), allow_md5=allow_md5)


def test_the_named_algorithm_wins_over_the_plain_checksum() -> None:
    chosen = choose(os_hash_algo="sha512", os_hash_value=SHA512, checksum=SHA256)
    assert chosen == Checksum(algorithm="sha512", digest=SHA512)


def test_a_plain_checksum_tells_its_algorithm_by_its_length() -> None:
    assert choose(checksum=SHA256.upper()) == Checksum(algorithm="sha256", digest=SHA256)
    assert choose(checksum=SHA512).algorithm == "sha512"


def test_an_algorithm_that_is_not_supported_falls_back_to_the_plain_checksum() -> None:
    assert choose(os_hash_algo="sha1", os_hash_value="d" * 40, checksum=SHA256).digest == SHA256
    with pytest.raises(Refusal, match="algorithm 'sha1' is not supported"):
        choose(os_hash_algo="sha1", os_hash_value="d" * 40)


def test_a_value_may_name_its_algorithm() -> None:
    assert choose(checksum=f"sha256:{SHA256.upper()}").digest == SHA256
    named = choose(os_hash_algo="sha512", os_hash_value=f"sha512:{SHA512}")
    assert named == Checksum(algorithm="sha512", digest=SHA512)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"checksum": f"sha512:{SHA256}"}, "a sha512 has 128"),
        ({"checksum": f"crc:{SHA256}"}, "the algorithm 'crc' is not supported"),
        ({"os_hash_algo": "sha512", "os_hash_value": f"sha256:{SHA256}"}, "is no sha512"),
        ({"checksum": f"md5:{MD5}"}, "MD5 is not accepted"),
    ],
)
def test_a_value_that_contradicts_its_algorithm_is_refused(
    fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refusal, match=reason):
        choose(**fields)


def test_the_wanted_algorithm_is_taken_from_a_file_with_several() -> None:
    text = f"SHA512 (disk.raw) = {SHA512}\nSHA256 (disk.raw) = {SHA256}\n"
    assert choose(text, os_hash_algo="sha256", os_hash_value="http://h/S").digest == SHA256
    assert choose(text, checksum="http://h/S").digest == SHA512


GIVEN, OTHER = (Checksum(algorithm="sha256", digest=digit * 64) for digit in "12")


def test_a_registrys_digest_decides_where_no_checksum_is_given() -> None:
    assert choose_checksum(None, GIVEN, "i", allow_unverified=False) == GIVEN
    assert choose_checksum(GIVEN, GIVEN, "i", allow_unverified=False) == GIVEN
    with pytest.raises(Refusal, match="its registry says sha256 2222"):
        choose_checksum(GIVEN, OTHER, "i", allow_unverified=True)


def test_an_image_of_which_nothing_is_known_needs_the_operators_word() -> None:
    with pytest.raises(Refusal, match=r"no checksum.*set image_os_hash_algo"):
        choose_checksum(None, None, "i", allow_unverified=False)
    assert choose_checksum(None, None, "i", allow_unverified=True).digest is None


def test_md5_is_only_accepted_when_allowed() -> None:
    with pytest.raises(Refusal, match="MD5 is not accepted"):
        choose(checksum=MD5)
    assert choose(checksum=MD5, allow_md5=True).algorithm == "md5"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"checksum": ""},
        {"os_hash_algo": "sha256"},
        {"os_hash_algo": "sha256", "os_hash_value": ""},
    ],
)
def test_no_checksum_is_an_error(fields: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"no checksum.*set image_os_hash_algo"):
        choose(**fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"checksum": "xyz"}, "is no checksum"),
        ({"checksum": "g" * 64}, "is no checksum"),
        ({"os_hash_algo": "sha256", "os_hash_value": SHA512}, "a sha256 has 64"),
    ],
)
def test_a_malformed_checksum_is_named(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        choose(**fields)


@pytest.mark.parametrize(
    "text",
    [
        f"{SHA256}\n",
        f"{'0' * 64}  other.raw\n{SHA256}  disk.raw\n",
        f"{SHA256} *disk.raw\n{'0' * 64} *disk.raw.zst\n",
        f"# comment\n{SHA256}  ./images/disk.raw\n",
        f"SHA256 (other.raw) = {'0' * 64}\nSHA256 (disk.raw) = {SHA256}\n",
        f"disk.raw {SHA256}\nother.raw {'0' * 64}\n",
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{SHA256}  disk.raw\n",
        f"MD5 (disk.raw) = {MD5}\nSHA256 (disk.raw) = {SHA256}\n",
        f"{MD5}  disk.raw\n{'d' * 40}  disk.raw\n{SHA256}  disk.raw\n",
        f"\\{SHA256}  disk.raw\n",
        f"SHA256(/srv/images/disk.raw)= {SHA256}\n",
        f"sha256:{SHA256}\n",
        SIGNED.format(SHA256),
    ],
)
def test_a_checksum_file_is_read_in_its_usual_forms(text: str) -> None:
    chosen = choose(text, checksum="https://h/SUMS")
    assert chosen == Checksum(algorithm="sha256", digest=SHA256)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f"{SHA256}  other.raw\n{SHA256}  third.raw\n",
            "does not list disk.raw; it lists other.raw, third",
        ),
        ("", "it lists nothing"),
        ("<html>not found</html>\n<p>\n", "it lists nothing"),
        (f"{SHA256}  a/disk.raw\n{'0' * 64}  b/disk.raw\n", "2 different checksums"),
    ],
)
def test_a_file_that_does_not_list_the_image_says_what_it_lists(text: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        choose(text, checksum="https://h/SUMS")
