"""Renderers of the simulation."""
