"""Side-by-side runs against peers at the same objective and the same certified accuracy."""
