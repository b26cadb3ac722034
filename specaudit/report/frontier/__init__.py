"""Renderers of the frontier document."""
