"""Capture web articles and the media they rest on as evidence, and verify them years later.

The command line (``muniment --help``) is the interface that is promised. Of the Python modules only the values in
:mod:`muniment.model` and the errors in :mod:`muniment.errors` are meant for others.
"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__: str = version("muniment")
