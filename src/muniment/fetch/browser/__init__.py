"""A real browser: Chromium, found, started, driven by DevTools over pipes, and ended for certain.

What it receives crosses the tunnel and is read by its key log, elsewhere. Here it is led through a page, asked what it
asked for, and asked how the page looked.
"""
