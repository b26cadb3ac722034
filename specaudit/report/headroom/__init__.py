"""Renderers of the headroom."""
