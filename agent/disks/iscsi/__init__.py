"""Another machine's disk over iSCSI (RFC 7143), by libiscsi: no module of the kernel, no device node, no privileges."""
