"""Search spaces, one file each: sets of architectures that know nothing of accuracies."""
