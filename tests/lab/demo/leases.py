"""What dnsmasq's lease file says of a machine. Pure."""


def newest_address(leases: str, mac: str) -> str | None:
    """Return the address of the machine's newest lease (lines of dnsmasq: expiry, MAC, address ...); ``None`` = it has none.

    The ramdisk and the deployed system name themselves differently, so one MAC has a lease for each.
    """
    found = [words for line in leases.splitlines() if (words := line.split())[1:2] == [mac]]
    return max(found, key=lambda words: int(words[0]))[2] if found else None
