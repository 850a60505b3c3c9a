"""The tabular store: measured results of many architectures, and the query."""
