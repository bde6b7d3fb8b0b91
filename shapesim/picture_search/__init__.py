"""Which assets a picture shows.

The likeliest are turned until their outlines fit (``posing``), rendered so, and compared place by
place (``comparing``).
"""
