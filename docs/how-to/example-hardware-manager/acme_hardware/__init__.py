"""A hardware manager for Acme's servers; Acme and its tool ``acmectl`` stand for your vendor and theirs."""
