"""Search strategies, one file each: they ask for architectures and are told what they scored."""
