"""What needs several floors at once: comparisons made to answer one question of the literature."""
