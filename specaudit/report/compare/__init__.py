"""A comparison for people and for pipelines: each renderer is a pure function of the document."""
