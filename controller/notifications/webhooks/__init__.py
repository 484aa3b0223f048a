"""Notifications that are sent to where a site wants them, signed, in their order, until they are taken."""
