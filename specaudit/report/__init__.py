"""What leaves the program: documents, tables, plots, explanations. Pure: a result in, text out."""
