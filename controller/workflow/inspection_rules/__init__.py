"""Inspection rules: what administrators want done with what an inspection found."""
