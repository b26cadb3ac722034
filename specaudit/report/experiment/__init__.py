"""Renderers of experiments: one set for all of them.

A new experiment adds a module beside `static_limit` that turns its results into `assemble.Parts`, and its verdicts to
`explain`; table, markdown, plots and page need nothing new.
"""
