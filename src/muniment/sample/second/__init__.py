"""The second edition of the sample article: an application in a browser, by which the capture of one is judged.

It is made of everything that a newsroom's page may be made of today, on ten origins of loopback. Its server keeps the
exact list of what it served. Needs the extra ``demo``.
"""

from muniment.sample.second.account import Served
from muniment.sample.second.books import named
from muniment.sample.second.site import Site, serve

__all__ = ["Served", "Site", "named", "serve"]
