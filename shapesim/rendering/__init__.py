"""Pictures of meshes on the CPU: no display, no GL.

``views`` casts rays and ``texturing`` knows what they strike; ``augmentation`` does to pictures
what the world does.
"""
