"""What stands between a reader and the page that was asked for: refusals that look like answers; pure and bounded."""

from muniment.extract.obstacle.judging import EXTRACTOR, Judgement, encode, judged
from muniment.extract.obstacle.page import Received
from muniment.extract.obstacle.sign import Obstacle, Weight

__all__ = ["EXTRACTOR", "Judgement", "Obstacle", "Received", "Weight", "encode", "judged"]
