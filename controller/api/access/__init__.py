"""Who calls and what they may: principals, the policy table, which rule guards which route, what of a list is theirs, the audit log."""
