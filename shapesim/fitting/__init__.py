"""How one mesh is put in another's place.

``transforms`` places any two by their ``surfaces``, and a copy with fewer triangles by its corners;
``copies`` tells whether one is such a copy of the other.
"""
