"""Stand-ins for storcli and ssacli: programs with a controller in a file, which can be told to lie.

Their words and JSON keys are those of the vendors' manuals and of published recordings; no real controller was at hand.
"""

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD = """#!/usr/bin/python3 -IS
import json, re, sys, time
from pathlib import Path
path = Path(__file__).with_suffix(".json")
lab = json.loads(path.read_text())
words, fault = sys.argv[1:], lab["fault"]
if fault == "hang":
    time.sleep(600)
if fault == "endless":
    while True:
        print("x" * 100000)
if fault == "garbage":
    print('{"Controllers": [{"Command Status": ')
    sys.exit(0)
DATA = {"0": lambda n: n, "1": lambda n: 1, "5": lambda n: n - 1, "6": lambda n: n - 2, "10": lambda n: n // 2,
        "50": lambda n: n - 2, "60": lambda n: n - 4}
def add(level, drives, size_mb, name):
    if fault == "create":
        return
    level = "0" if fault == "level" else level
    group = next((v["group"] for v in lab["volumes"] if v["drives"] == drives), None)
    if group is None:
        group = max((v["group"] for v in lab["volumes"]), default=-1) + 1
    number = min(set(range(99)) - {v["number"] for v in lab["volumes"]})
    room = DATA[level](len(drives)) * lab["size_mb"] - sum(v["size_mb"] for v in lab["volumes"] if v["drives"] == drives)
    lab["made"] += 1
    lab["volumes"].append({"number": number, "group": group, "level": level, "drives": drives, "name": name,
                           "size_mb": size_mb or room, "wwn": "600605b0%024x" % lab["made"]})
    save()
def delete(number):
    if fault == "delete":
        return
    lab["volumes"] = [v for v in lab["volumes"] if v["number"] != number]
    save()
def save():
    path.write_text(json.dumps(lab))
def holder(ident):
    return next((v for v in lab["volumes"] if ident in v["drives"]), None)
"""

STORCLI = (
    _HEAD
    + """
def say(data, status="Success", text="None", **more):
    head = {"CLI Version": "007.1623", "Controller": 0, "Status": status, "Description": text, **more}
    print(json.dumps({"Controllers": [{"Command Status": head, "Response Data": data}]}))
    sys.exit(0 if status == "Success" else 255)
def row(ident):
    found = holder(ident)
    state = "Onln" if found else lab["states"].get(ident, "UGood")
    group = found["group"] if found else "F" if ident in lab["foreign"] else "-"
    return {"EID:Slt": ident, "DID": 8, "State": state, "DG": group, "Size": "%.3f GB" % (lab["size_mb"] / 1024),
            "Intf": "SAS", "Med": "HDD", "SED": "N", "PI": "N", "SeSz": "512B", "Model": "ST600MP0006     ", "Sp": "U"}
words = [w for w in words if w not in ("J", "nolog")]
if words == ["show"]:
    say({"Number of Controllers": 1, "System Overview": [{"Ctl": 0, "Model": "LabRAID", "Ports": 8}]})
if words == ["/c0/eall/sall", "show", "all"]:
    data = {}
    for ident in lab["drives"]:
        key = "Drive /c0/e%s/s%s" % tuple(ident.split(":"))
        size = "%.3f GB [0x%x Sectors]" % (lab["size_mb"] / 1024, lab["size_mb"] * 2048)
        facts = {"SN": "   S" + ident, "WWN": "5000C500A517" + ident.replace(":", "0"), "Coerced size": size}
        data[key] = [row(ident)]
        data[key + " - Detailed Information"] = {key + " Device attributes": facts}
    say(data, text="Show Drive Information Succeeded.")
if words == ["/c0/vall", "show", "all"]:
    if not lab["volumes"]:
        say({}, "Failure", "No VDs have been configured.") if lab["old"] else say({}, text="No VDs have been configured.")
    data = {}
    for v in lab["volumes"]:
        n = v["number"]
        data["/c0/v%d" % n] = [{"DG/VD": "%d/%d" % (v["group"], n), "TYPE": "RAID" + v["level"], "State": "Optl",
                                "Access": "RW", "Size": "%.3f GB" % (v["size_mb"] / 1024), "Name": v["name"] or ""}]
        data["PDs for VD %d" % n] = [row(ident) for ident in v["drives"]]
        data["VD%d Properties" % n] = {"Number of Blocks": v["size_mb"] * 2048, "SCSI NAA Id": v["wwn"], "Span Depth": 1}
    say(data)
if words[:3] == ["/c0", "add", "vd"]:
    options = dict(w.split("=") for w in words[3:])
    if fault == "refuse":
        wrong = [{"Ctrl": 0, "ErrCd": 255, "ErrMsg": "resources already in use"}]
        say({}, "Failure", "Add VD Failed", **{"Detailed Status": wrong})
    size = options.get("size")
    add(options["type"].removeprefix("raid"), options["drives"].split(","), size and int(size.removesuffix("MB")), options.get("name"))
    say({}, text="Add VD Succeeded.")
if found := re.fullmatch("/c0/v([0-9]+)", words[0]):
    delete(int(found[1]))
    say({}, text="Delete VD Succeeded.")
if words[1:] == ["set", "jbod"]:
    lab["states"]["252:" + words[0].rpartition("s")[2]] = "JBOD"
    save()
    say({}, text="Set Drive JBOD Succeeded.")
say({}, "Failure", "syntax error, unexpected " + " ".join(words))
"""
)

SSACLI = (
    _HEAD
    + """
LEVEL = {"10": "1+0"}
def drive(ident, use):
    port, box, bay = ident.split(":")
    print("      physicaldrive %s\\n         Port: %s\\n         Box: %s\\n         Bay: %s" % (ident, port, box, bay))
    print("         Status: OK\\n         Drive Type: %s\\n         Interface Type: SAS" % use)
    print("         Size: %d GB\\n         Serial Number: S%s\\n         Model: HP      EF0600FARNA\\n" % (lab["size_mb"] * 1.048576 / 1000, bay))
if words == ["controller", "all", "show", "config", "detail"]:
    print("\\nSmart Array P822 in Slot 2\\n   Bus Interface: PCI\\n   Slot: 2\\n   Controller Status: OK\\n")
    for group in sorted({v["group"] for v in lab["volumes"]}):
        print("   Array: %s\\n      Interface Type: SAS\\n      Status: OK\\n\\n" % chr(65 + group))
        for v in (v for v in lab["volumes"] if v["group"] == group):
            print("      Logical Drive: %d\\n         Size: %.1f GB" % (v["number"] + 1, v["size_mb"] / 1024))
            print("         Fault Tolerance: %s\\n         Status: OK" % LEVEL.get(v["level"], v["level"]))
            print("         Unique Identifier: %s\\n         Logical Drive Label: L%d" % (v["wwn"].upper(), v["number"]))
            print("         Drive Type: Data\\n")
        for ident in lab["drives"]:
            if (holder(ident) or {}).get("group") == group:
                drive(ident, "Data Drive")
    print("   unassigned\\n")
    for ident in lab["drives"]:
        if holder(ident) is None:
            drive(ident, "Unassigned Drive")
    sys.exit(0)
options = dict(w.split("=") for w in words if "=" in w)
if "create" in words:
    drives = options.get("drives")
    if drives is None:
        group = ord(words[words.index("array") + 1]) - 65
        drives = next(",".join(v["drives"]) for v in lab["volumes"] if v["group"] == group)
    if fault == "refuse":
        print("Error: This operation is not supported with the current configuration.")
        sys.exit(1)
    add(options["raid"].replace("+", ""), drives.split(","), int(options.get("size", 0)), None)
elif "delete" in words:
    delete(int(words[words.index("logicaldrive") + 1]) - 1)
"""
)


@dataclass(frozen=True, slots=True)
class RaidProgram:
    """A stand-in and its controller."""

    path: Path

    @property
    def lab(self) -> Mapping[str, Any]:
        return dict(json.loads(self.path.with_suffix(".json").read_text()))

    def change(self, **changes: Any) -> None:
        self.path.with_suffix(".json").write_text(json.dumps({**self.lab, **changes}))


def raid_program(folder: Path, name: str, text: str, drives: list[str]) -> RaidProgram:
    """Write a stand-in into ``folder``; its controller has ``drives`` of 500 GiB each."""
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    lab: Mapping[str, Any] = {
        "fault": None,
        "drives": drives,
        "volumes": [],
        "states": {},
        "foreign": [],
        "made": 0,
    }
    path.with_suffix(".json").write_text(json.dumps({**lab, "size_mb": 500 << 10, "old": False}))
    return RaidProgram(path)
