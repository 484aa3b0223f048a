r"""A checksum file in any usual form lists what it lists: no name is missed, none mistaken, and nothing is guessed."""

import codecs
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agent.protocol.checksum_file import DIGITS_OF, decode, find, parse
from agent.protocol.refusal import Refusal

SHA256, OTHER, SHA512 = "a1" * 32, "0f" * 32, "b2" * 64


def escaped(line: str, name: str) -> str:
    """Write a line as GNU coreutils do."""
    if not any(letter in name for letter in "\\\n\r"):
        return line.format(name)
    pairs = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"))
    for letter, pair in pairs:
        name = name.replace(letter, pair)
    return "\\" + line.format(name)


EXACT: dict[str, Callable[[str, str, str], str]] = {
    "gnu text": lambda _a, d, n: escaped(d + "  {}", n),
    "gnu binary": lambda _a, d, n: escaped(d + " *{}", n),
    "gnu tag": lambda a, d, n: escaped(a.upper() + " ({}) = " + d, n),
}
"""Styles with rules of their own for odd names."""
PLAIN: dict[str, Callable[[str, str, str], str]] = {
    "openssl": lambda a, d, n: f"{a.upper().replace('SHA', 'SHA2-')}({n})= {d}",
    "prefix": lambda a, d, n: f"{a}:{d}  {n}",
    "powershell": lambda a, d, n: f"{a.upper()}    {d.upper()}    {n}",
    "one space": lambda _a, d, n: f"{d} {n}",
    "tab": lambda _a, d, n: f"{d}\t{n}",
    "name first": lambda _a, d, n: f"{n}   {d}",
    "colon": lambda _a, d, n: f"{n}: {d}",
    "colon, algorithm": lambda a, d, n: f"{n}: {a}:{d}",
}
STYLES = EXACT | PLAIN
FRAMES: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "bom": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16 be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 without mark": lambda text: ("# list\n" + text).encode("utf-16-le"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "signed": lambda text: (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        + "".join(
            "- " + line + "\n" if line[:1] == "-" else line + "\n" for line in text.split("\n")
        )
        + f"-----BEGIN PGP SIGNATURE-----\n\n{OTHER}  disk.raw\n=Xt3z\n-----END PGP SIGNATURE-----\n"
    ).encode(),
}
FOLDERS = ("", "./", "/srv/images/", ".\\", "C:\\my images\\", "a b/")
ODD = st.text(
    st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: name not in ("-", "stdin"))
USUAL = st.from_regex(
    r"[a-z][a-zäö0-9]{0,5}( [a-z0-9-]{1,5})?(\.raw|\.qcow2|\.img\.xz)", fullmatch=True
)
DIGEST = st.sampled_from(sorted(DIGITS_OF)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.text("0123456789abcdef", min_size=DIGITS_OF[name], max_size=DIGITS_OF[name]),
    )
)


@given(
    st.lists(
        st.tuples(ODD, DIGEST, st.sampled_from(sorted(EXACT))),
        min_size=1,
        max_size=4,
        unique_by=lambda e: e[0].strip(),
    )
)
@example([("SHA", ("md5", "0" * 32), "gnu binary")])
@example([("sha256", ("md5", "0" * 32), "gnu text")])
def test_any_name_that_gnu_tools_write_is_read_back(
    entries: list[tuple[str, tuple[str, str], str]],
) -> None:
    text = "".join(EXACT[style](*digest, name) + "\n" for name, digest, style in entries)
    found, understood = parse(decode(text.encode()))
    assert understood
    assert [(one.name, one.algorithm, one.digest) for one in found] == [
        (name, *digest) for name, digest, _ in entries
    ]


@given(
    st.lists(
        st.tuples(USUAL, st.sampled_from(FOLDERS), DIGEST, st.sampled_from(sorted(STYLES))),
        min_size=1,
        max_size=5,
        unique_by=lambda entry: entry[0],
    ),
    st.sampled_from(sorted(FRAMES)),
)
def test_every_style_in_every_frame_gives_each_file_its_digest(
    entries: list[tuple[str, str, tuple[str, str], str]], frame: str
) -> None:
    lines = [STYLES[style](*digest, folder + name) for name, folder, digest, style in entries]
    text = decode(FRAMES[frame]("# comment\n\n" + "\n".join(lines)))
    for name, _, (algorithm, digest), _ in entries:
        found = find(text, name, "file")
        assert (found.algorithm, found.digest) == (algorithm, digest)


@given(st.lists(st.sampled_from(sorted(STYLES)), min_size=2, max_size=4), USUAL, st.randoms())
def test_several_algorithms_give_the_strongest_or_the_wanted(
    styles: list[str], name: str, order: object
) -> None:
    assume(order is not None)
    digests = {algorithm: "c" * digits for algorithm, digits in DIGITS_OF.items()}
    lines = [
        STYLES[style](algorithm, digest, name)
        for style in styles
        for algorithm, digest in digests.items()
    ]
    order.shuffle(lines)  # type: ignore[attr-defined]
    text = "\n".join(lines)
    assert find(text, name, "file").algorithm == "sha512"
    for algorithm, digest in digests.items():
        assert find(text, name, "file", algorithm).digest == digest


@pytest.mark.parametrize(
    "text",
    [
        SHA256,
        f"sha256:{SHA256}\n",
        f"SHA256: {SHA256.upper()}\r\n",
        f"SHA256 = {SHA256}",
        f"{SHA256}  -\n",
        f"SHA2-256(stdin)= {SHA256}\n",
        f"md5: {'c3' * 16}\nsha1: {'d4' * 20}\nsha256: {SHA256}\n",
        f"; made by hand\n{SHA256}\n",
        f"Algorithm  Hash  Path\n---------  ----  ----\nSHA256  {SHA256}  D:\\out\\disk.raw\n",
        f"SHA3-256 (disk.raw) = {OTHER}\nSHA256 (disk.raw) = {SHA256}\n",
        f"SHA512/256 (disk.raw) = {OTHER}\n{SHA256}  disk.raw\n",
    ],
)
def test_a_digest_is_found(text: str) -> None:
    found = find(text, "disk.raw", "file")
    assert (found.algorithm, found.digest) == ("sha256", SHA256)


@pytest.mark.parametrize(
    ("text", "wanted", "reason"),
    [
        (f"{SHA256}\n{OTHER}\n", "", "disk.raw with 2 different checksums"),
        (f"{SHA256}  disk.raw\n{OTHER} *old/disk.raw\n", "", "disk.raw with 2 different checksums"),
        (f"{SHA256}\n{OTHER}  other.raw\n", "", "does not list disk.raw; it lists other.raw"),
        (f"{SHA256}\n<p>what a page says</p>\n", "", "does not list disk.raw; it lists nothing"),
        (f"{SHA256}  disk.raw.xz\n", "", "it lists disk.raw.xz"),
        (f"{SHA256}  not-disk.raw\n", "", "it lists not-disk.raw"),
        (f"SHA3-256 (disk.raw) = {SHA256}\n", "", "disk.raw with sha3256 only"),
        (f"{'d4' * 20}  disk.raw\n", "", "with an unknown algorithm only; wanted is sha256 or"),
        (f"{SHA512}  disk.raw\n", "sha256", "disk.raw with sha512 only; wanted is sha256"),
        (
            f"SHA512 (disk.raw) = {SHA256}\n",
            "",
            "disk.raw with 64 hexadecimal digits, a sha512 has 128",
        ),
        ("".join(f"{SHA256}  {n}.raw\n" for n in range(9)), "", "4.raw and 4 more"),
    ],
)
def test_what_is_missing_or_ambiguous_is_a_sentence(text: str, wanted: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        find(text, "disk.raw", "file", wanted)


@pytest.mark.parametrize("filling", [" ", "a", "\t:", "=", "a ", SHA256, ": " + SHA256, "("])
def test_a_file_made_to_be_slow_is_refused(filling: str) -> None:
    line = (filling * 8192)[:8190] + "!"
    text = "\n".join([line] * 128)
    with pytest.raises(Refusal):
        find(text, "disk.raw", "file")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        find(decode(data), "disk.raw", "file").digest.encode()
    except Refusal as error:
        str(error).encode()
