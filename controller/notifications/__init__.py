"""Tells others what happens: event streams and webhooks, from the log of the database."""
