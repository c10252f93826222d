"""HTTP messages and the URLs that name them: pure, tolerant, bounded."""
