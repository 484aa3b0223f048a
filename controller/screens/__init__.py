"""Machines' screens in browsers: who brings a screen, who may see it, and the relay between."""
