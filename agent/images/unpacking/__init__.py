"""Decompression in bounded memory."""
