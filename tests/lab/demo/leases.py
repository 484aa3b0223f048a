"""What dnsmasq's lease file says of a machine. Pure."""


def address_of(leases: str, mac: str, hostname: str) -> str | None:
    """Return the address of the machine's system that calls itself ``hostname``; ``None`` = it has no lease yet.

    A line of dnsmasq: expiry, MAC, address, host name, client id. One MAC has several leases, for the ramdisk and the
    deployed system identify themselves differently; the ramdisk's may stand there alone for seconds after the prompt.
    """
    found = [
        words
        for line in leases.splitlines()
        if (words := line.split())[1:2] == [mac] and words[3:4] == [hostname]
    ]
    return max(found, key=lambda words: int(words[0]))[2] if found else None
