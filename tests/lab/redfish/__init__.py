"""A Redfish BMC for the lab's machines (DMTF DSP0266 1.20): beside the IPMI one, with faults as switches.

Read in this order: `facts` (what the machine says of itself), `state` (what the BMC remembers), `documents` (pure: state in,
JSON out), `orders` (what POST, PATCH and DELETE do), `resources` (the table of both), `service` (one request), `server` (HTTP,
TLS and faults of the wire), `process` (the program), `bmc` (the lab's side of it).
"""
