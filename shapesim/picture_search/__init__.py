"""Which assets a picture shows.

``searching`` finds the likeliest; they are turned until their outlines fit (``posing``), rendered
so, and compared place by place (``comparing``).
"""
