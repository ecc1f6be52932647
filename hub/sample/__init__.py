"""A sample province: 131 places, and as many schools, classes and pupils as asked for, with planted problems."""

from hub.sample.plant import NotEmpty, Progress, plant, refuse_filled
from hub.sample.truth import Planted, Truth

__all__ = ["NotEmpty", "Planted", "Progress", "Truth", "plant", "refuse_filled"]
