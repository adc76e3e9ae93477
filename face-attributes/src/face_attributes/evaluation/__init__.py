"""What answers are worth, beside what they cost nothing: the majority class, the centre box."""
