"""The report: a page of figures, tables and sources in one file."""
