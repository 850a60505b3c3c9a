"""Pure functions of runs: what a search had found, when, and how sure that is."""
