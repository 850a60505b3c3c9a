"""Run one strategy, run many: the clock, the budget, the seeds and the logs."""
