import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.known_secrets import KnownSecrets
from controller.errors import StepFailed
from controller.workflow import masked_logs as module
from controller.workflow.masked_logs import masked_logs

SECRET = "geheim-4711"
KNOWN = KnownSecrets(everywhere=frozenset({SECRET}), in_sentences=frozenset({"ustar", "root"}))


def archive(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=form) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.uname = len(content), "root"
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def members_of(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


@given(
    st.dictionaries(st.text("abc/", min_size=1).map(lambda name: f"f/{name}x"), st.binary()),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]),
)
def test_an_archive_keeps_its_members_and_loses_the_secrets(
    members: dict[str, bytes], form: int
) -> None:
    quoting = {name: content + SECRET.encode() + content for name, content in members.items()}
    found = members_of(masked_logs(archive(quoting, form), KNOWN))
    stars = SECRET.encode().replace(SECRET.encode(), b"*" * len(SECRET))
    assert found == {name: content + stars + content for name, content in members.items()}


@pytest.mark.parametrize("before", [module._CHUNK - 5, module._CHUNK - 1, module._CHUNK, 512])
def test_a_secret_across_two_reads_is_masked(before: int) -> None:
    long_name = "d/" + "n" * 150
    content = b"x" * before + SECRET.encode() + b"y" * 5000
    found = members_of(masked_logs(archive({long_name: content}), KNOWN))
    assert found == {long_name: content.replace(SECRET.encode(), b"*" * len(SECRET))}


@pytest.mark.parametrize("content", [b"no tar: " + SECRET.encode(), SECRET.encode() * 200, b""])
def test_what_is_no_tar_is_masked_all_the_same(content: bytes) -> None:
    masked = content.replace(SECRET.encode(), b"*" * len(SECRET))
    assert masked_logs(content, KNOWN) == masked
    assert gzip.decompress(masked_logs(gzip.compress(content), KNOWN)) == masked


def test_an_archive_that_grows_without_end_or_is_damaged_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 1 << 20)
    for content in (gzip.compress(bytes(2 << 20)), archive({"a": b"x" * (2 << 20)})):
        with pytest.raises(StepFailed, match="unpacks to more than 1 MiB"):
            masked_logs(content, KNOWN)
    with pytest.raises(StepFailed, match="damaged"):
        masked_logs(archive({"a": b"x" * 5000})[:-20], KNOWN)
