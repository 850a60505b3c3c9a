"""Pictures and pages of an experiment; what they show is computed by `scoring`."""
