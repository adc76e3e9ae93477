"""What answers are worth, measured as the benchmarks define it, beside what costs nothing."""
