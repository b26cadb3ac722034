"""Renderers of the span document."""
