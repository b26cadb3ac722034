"""What leaves the program: documents, tables, plots and explanations. Pure: a result in, text or figure out."""
