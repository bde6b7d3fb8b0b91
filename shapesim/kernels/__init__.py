"""Loops over rays, pixels, triangles and points, compiled: numpy would make a pass of each step."""
