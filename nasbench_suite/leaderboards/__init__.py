"""Leaderboards: tracks, submissions to them, and the checker that recomputes every number."""
