"""The sample article: a fictional page with everything that an article rests on, served on loopback.

It is what ``muniment demo`` captures, and the site of the tests. Nothing on it is real, and nothing leaves 127.0.0.1.
"""

from muniment.sample.contents import Planted
from muniment.sample.site import Served, Site, serve

__all__ = ["Planted", "Served", "Site", "serve"]
