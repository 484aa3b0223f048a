"""IDENTIFY DEVICE data as ``hdparm --Istdout`` prints them, made from the bits that erasure is concerned with."""


def istdout(
    *, w59: int = 0, w128: int = 0, w89: int = 0, w90: int = 0, rotation: int = 7200
) -> str:
    words = [0] * 256
    words[0], words[59], words[89], words[90], words[128] = 0x0040, w59, w89, w90, w128
    words[217] = rotation
    rows = [" ".join(f"{w:04x}" for w in words[i : i + 8]) for i in range(0, 256, 8)]
    return "\n/dev/sda:\n" + "\n".join(rows) + "\n"


SUPPORTED, ENABLED, LOCKED, FROZEN, EXPIRED, ENHANCED = (1 << bit for bit in range(6))
SANITIZE, SCRAMBLE, OVERWRITE, BLOCK = (1 << bit for bit in (12, 13, 14, 15))
