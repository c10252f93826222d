"""What leaves an archive for others: packets of chosen records, which show nothing of their siblings."""

from muniment.export.certificate import Occasion, certification
from muniment.export.packet import Disclosed, Given, Wanted, disclose

__all__ = ["Disclosed", "Given", "Occasion", "Wanted", "certification", "disclose"]
