"""Our reading of device hints beside that of ironic-python-agent, on thousands of random cases.

Every difference has a reason in ``DECIDED``, which is explained in docs/decisions/0024; one without a reason fails, and so does
a reason that no case needs.
"""

import json
import random
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.disks.hints import matches, protects
from agent.disks.root_device import choose_root_disk
from agent.errors import InvalidRequest, NoSuitableDisk
from agent.hardware.devices import BlockDevice
from agent.protocol.device_hints import parse_hints
from agent.protocol.refusal import Refusal

PEER = Path(__file__).parents[2] / "build/peers/ipa/bin/python"
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not PEER.exists(), reason="make build/stamps/peer-ipa installs the real agent"
    ),
]
CASES = 6_000
GIB = 1 << 30
WORDS = (
    *(
        "nvme",
        "sata",
        "NONE",
        "none",
        "on",
        "ATA",
        "S1",
        "S1_LONG",
        "samsung ssd 870",
        "870",
        "7.5",
    ),
    *("20", "Ångström", "a b", "a  b", "x(1)", "-5", "0:0:0:0", "0x5000", "/dev/sda", "true", "no"),
    *("pci-0000:00:1f.2-ata-1", "ǅ", "SSD=1", "%20", "1e3", "inf", "1_0", "s== b"),
)
OPERATORS = (
    *(
        "",
        "",
        "s==",
        "s!=",
        "s!=",
        "s<",
        "s<=",
        "s>",
        "s>=",
        "<in>",
        "<or>",
        "<all-in>",
        "<in>",
        "<all-in>",
    ),
    *("<range-in>", "=", "==", "!=", ">=", "<=", ">", "<"),
)
TEXT_OPERATORS = re.compile(r"\s*(s[=!<>]|<in>|<all-in>)")
NUMBER_OPERATORS = re.compile(r"\s*(==|=|!=|>=|<=|<(?!in>|or>|all-in>)|>)")
LISTED = ("serial", "wwn")
TEXTS = ("model", "vendor", "hctl", "by_path", "tran", "wwn_with_extension", "wwn_vendor_extension")
NUMBERS = ("20", "870", "7.5", "-5", "1e3")
SIZES = ("20", "100", "7.5", "0", "-5", "nan", "1e2", "big", "100GB", "1_0", "100 ", "٢")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One hint, one disk; ``is_choice`` = the root disk is looked for, else a disk to be left alone."""

    name: str
    value: Any
    disk: BlockDevice
    is_choice: bool

    @property
    def text(self) -> str:
        return str(self.value).lower()

    def as_theirs(self) -> dict[str, Any]:
        return {
            "hints": {self.name: self.value},
            "devices": [as_theirs(self.disk, is_choice=self.is_choice)],
        }


def as_theirs(disk: BlockDevice, *, is_choice: bool) -> dict[str, Any]:
    """Return the disk as the real agent sees it: all serial numbers and WWNs for a choice, else the preferred one."""
    told: dict[str, Any] = {name: getattr(disk, name) for name in TEXTS if name != "tran"}
    told |= {
        "name": str(disk.path),
        "size": disk.size_bytes,
        "rotational": disk.is_rotational,
        "tran": disk.transport,
    }
    for name, all_of in (("serial", disk.serials), ("wwn", disk.wwns)):
        told[name] = [*all_of, None] if is_choice else getattr(disk, name)
    return told


def random_word(rng: random.Random) -> str | None:
    return rng.choice((None, rng.choice(WORDS)))


def random_disk(rng: random.Random, path: str = "/dev/sda") -> BlockDevice:
    serials = tuple(rng.sample(WORDS, rng.choice((0, 1, 2))))
    wwns = tuple(rng.sample(WORDS, rng.choice((0, 1, 2))))
    return BlockDevice(
        path=Path(path),
        size_bytes=rng.choice((20 * GIB, 100 * GIB, 15 * GIB // 2, 100 * GIB + 512)),
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=rng.random() < 0.5,
        serial=serials[0] if serials else None,
        serials=serials,
        wwn=wwns[0] if wwns else None,
        wwns=wwns,
        model=random_word(rng),
        vendor=random_word(rng),
        hctl=random_word(rng),
        by_path=random_word(rng),
        transport=random_word(rng),
        wwn_with_extension=random_word(rng),
        wwn_vendor_extension=random_word(rng),
    )


def random_value(rng: random.Random, name: str, disk: BlockDevice) -> Any:
    if name == "rotational":
        return rng.choice((True, False, 1, 0, "yes", "No", " on ", "OFF", "t", "maybe", "", "none"))
    if rng.random() < 0.05:
        return rng.choice((20, 100.0, None, True, "", " ", [1], {"a": 1}))
    op, gap = rng.choice(OPERATORS), rng.choice(("", " ", "  ", "\t"))
    words = words_for(rng, name, disk, op)
    if op == "<range-in>":
        low, high = rng.choice(("10", "20", "100", "a")), rng.choice(("15", "20", "200"))
        return f"{op}{gap}{rng.choice('[(')} {low} {high} {rng.choice('])')}"
    if op == "<or>":
        return "".join(f"{op}{gap}{rng.choice(words)} " for _ in range(rng.choice((1, 2, 3))))
    value = rng.choice(words)
    if rng.random() < 0.03:
        value += f" {op} {rng.choice(words)}"
    return rng.choice((str, str.upper, str.title))(f"{op}{gap}{value}")


def words_for(rng: random.Random, name: str, disk: BlockDevice, op: str) -> tuple[str, ...]:
    """Return words for a hint: mostly such as the disk has there, and such as the operator wants."""
    if name == "size":
        return SIZES
    if rng.random() < 0.1:
        return WORDS
    if NUMBER_OPERATORS.match(op):
        return NUMBERS
    told = as_theirs(disk, is_choice=True)[name]
    words = [word for word in (told if isinstance(told, list) else [told]) if word]
    return (*words, *(word[:2] for word in words), "none", "20")


def random_case(rng: random.Random) -> Case:
    name = rng.choice((*TEXTS, *LISTED, "name", "size", "size", "rotational"))
    disk = random_disk(rng)
    return Case(
        name=name, value=random_value(rng, name, disk), disk=disk, is_choice=rng.random() < 0.5
    )


def ask_them(cases: list[dict[str, Any]]) -> list[Any]:
    script = Path(__file__).with_name("peer_device_hints.py")
    done = subprocess.run(
        [PEER, script], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    verdicts: list[Any] = json.loads(done.stdout)
    return verdicts


def ours_of(case: Case) -> str:
    try:
        (hint,) = parse_hints({case.name: case.value})
        holds = matches(hint, case.disk) if case.is_choice else protects([hint], case.disk)
    except (InvalidRequest, Refusal) as error:
        return "undecided" if "compares numbers" in str(error) else "refused"
    return "yes" if holds else "no"


def is_more_than_one(case: Case) -> bool:
    return len(getattr(case.disk, f"{case.name}s", ())) > 1


DECIDED: dict[str, Callable[[Case, str, str], bool]] = {
    "<all-in> works on text": lambda case, _ours, theirs: (
        theirs == "undecided" and case.text.startswith("<all-in>")
    ),
    "<all-in> on a list is theirs to skip": lambda case, _ours, theirs: (
        theirs == "no" and case.text.startswith("<all-in>") and case.name in LISTED
    ),
    "<range-in> works": lambda case, _ours, _theirs: case.text.startswith("<range-in>"),
    "<or> of sizes works": lambda case, ours, theirs: (
        case.name == "size" and case.text.startswith("<or>") and (ours, theirs) == ("yes", "no")
    ),
    "a size is no text": lambda case, ours, _theirs: (
        case.name == "size" and ours == "refused" and bool(TEXT_OPERATORS.match(case.text))
    ),
    "a size may be a fraction": lambda case, ours, theirs: (
        case.name == "size" and theirs == "refused" and ours in ("yes", "no")
    ),
    "<in> looks into the text, not into its URL form": lambda case, ours, theirs: (
        case.text.startswith("<in>") and {ours, theirs} == {"no", "yes"}
    ),
    "a negation holds for every spelling": lambda case, ours, theirs: (
        "!=" in case.text and is_more_than_one(case) and (ours, theirs) == ("no", "yes")
    ),
    "a disk to be left alone is known by every spelling": lambda case, ours, theirs: (
        not case.is_choice
        and is_more_than_one(case)
        and (ours, theirs) in (("yes", "no"), ("no", "undecided"), ("yes", "undecided"))
    ),
    "one operator": lambda case, ours, _theirs: (
        ours == "refused" and bool(re.search(r"(?:==|=|!=|<|>)\s*\S.*(?:=|<|>)", case.text))
    ),
    "numbers where an operator compares numbers": lambda case, ours, theirs: (
        ours == "refused"
        and theirs in ("no", "undecided")
        and bool(NUMBER_OPERATORS.match(case.text))
    ),
    "a disk without the number is not chosen": lambda case, ours, theirs: (
        case.is_choice
        and (ours, theirs) == ("no", "undecided")
        and bool(NUMBER_OPERATORS.match(case.text))
    ),
    "numbers are finite": lambda case, _ours, theirs: (
        bool(NUMBER_OPERATORS.match(case.text))
        and theirs in ("yes", "no")
        and ("inf" in case.text or "inf" in str(case.disk))
    ),
}
"""Name of the decision: does it explain that we say one and they the other?"""


def test_a_hint_holds_where_it_holds_for_ironics_agent() -> None:
    rng = random.Random(8)
    cases = [random_case(rng) for _ in range(CASES)]
    needed: Counter[str] = Counter()
    unexplained = []
    for case, found in zip(cases, ask_them([case.as_theirs() for case in cases]), strict=True):
        ours = ours_of(case)
        theirs = found if isinstance(found, str) else ("yes" if found else "no")
        if ours == theirs:
            continue
        reason = next((name for name, fits in DECIDED.items() if fits(case, ours, theirs)), None)
        needed[str(reason)] += 1
        if reason is None:
            unexplained.append((case.name, case.value, f"ours {ours}, theirs {theirs}", case))
    assert not unexplained, (len(unexplained), unexplained[:5])
    assert set(needed) == set(DECIDED)


def test_several_hints_choose_the_disk_that_ironics_agent_chooses() -> None:
    rng = random.Random(24)
    words = ("a", "b", "c d", "nvme")
    rows = []
    for _ in range(500):
        disks = [
            BlockDevice(
                path=Path(f"/dev/sd{letter}"),
                size_bytes=rng.choice((20, 100)) * GIB,
                logical_sector_bytes=512,
                physical_sector_bytes=512,
                is_rotational=rng.random() < 0.5,
                model=rng.choice(words),
                transport=rng.choice((None, "nvme", "sata")),
            )
            for letter in rng.sample("abcde", 4)
        ]
        hints = {
            "model": rng.choice((f"s!= {rng.choice(words)}", "<or> a <or> c d", "<in> c")),
            "tran": rng.choice(("s!= nvme", "nvme", "none", "<or> sata <or> none")),
            "rotational": rng.choice((True, "no")),
            "size": rng.choice((">= 20", "< 100", 20, "!= 20")),
        }
        kept = rng.sample(sorted(hints), rng.choice((1, 2, 3)))
        rows.append((disks, {name: hints[name] for name in kept}))
    asked = [
        {"hints": hints, "devices": [as_theirs(disk, is_choice=True) for disk in disks]}
        for disks, hints in rows
    ]
    for (disks, hints), found in zip(rows, ask_them(asked), strict=True):
        try:
            chosen = str(choose_root_disk({"properties": {"root_device": hints}}, disks).disk.path)
        except NoSuitableDisk:
            chosen = "none"
        assert chosen == (found[0] if found else "none"), (hints, disks)
