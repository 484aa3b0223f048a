"""A switched PDU: net-snmp's agent with outlets that switch machines. Read models, then pdu, then agent_part."""
