"""What snmpd starts for the PDU's objects: it hands every question on to the lab and the answer back.

``python3 agent_part.py SOCKET``. Speaks the protocol of ``pass_persist`` (snmpd.conf(5)) on its standard streams: PING; get and getnext with
an OID; set with an OID and ``integer N``.
"""

import json
import socket
import sys


def main() -> None:
    lab = socket.socket(socket.AF_UNIX)
    lab.connect(sys.argv[1])
    stream = lab.makefile("rw", encoding="utf-8")
    for line in sys.stdin:
        word = line.strip()
        if word == "PING":
            _say("PONG")
            continue
        if not word:  # snmpd sends an empty line behind a value
            continue
        oid = sys.stdin.readline().strip()
        value = sys.stdin.readline().strip() if word == "set" else ""
        stream.write(json.dumps({"do": word, "oid": oid, "value": value}) + "\n")
        stream.flush()
        for answer in json.loads(stream.readline()):
            _say(answer)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
