"""A blind comparison of two methods' clips by viewers, in a page of this machine."""
