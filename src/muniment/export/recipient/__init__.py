"""What goes into every packet for its recipient: two programs that need nothing of muniment, and a page to read."""
