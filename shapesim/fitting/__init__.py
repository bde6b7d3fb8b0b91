"""How one mesh is put in another's place.

By points on their ``surfaces``, any two (``transforms``); exactly, where one is a copy of the other
(``copies``).
"""
